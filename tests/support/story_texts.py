"""One small made-up file for each way in which story files are written: path -> text."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "stories/PAY-013-refunds.md": """---
id: PAY-013
title: "Refunds: partial"
status: in_progress
priority: high
estimate: 3sp
dependencies: [PAY-012, "API-1"]
labels:
  - money
created: 2025-08-28
owner: Ann Lee (@ann)
emit_metadata:
  source_id: null
---

# PAY-013: Refunds

## User Story

**As a** clerk,
**I want** to refund a part,
**So that** customers stay.

## Acceptance Criteria

- [ ] A part can be refunded
  - [x] with its tax

## Dependencies

- Depends on [PAY-012](PAY-012-payments.md)
""",
    "backlog/tasks/shop-12.3 - Sort-the-list.md": """---
id: SHOP-12.3
title: Sort the list
status: To Do
assignee:
  - '@bo'
created_date: '2025-07-01 10:12'
labels: []
dependencies:
  - SHOP-11
parent_task_id: SHOP-12
ordinal: 2000
---

## Description

Sort by name.

## Acceptance Criteria
<!-- AC:BEGIN -->
- [x] #1 Sorted
- [ ] #2 Stable
<!-- AC:END -->
""",
    ".beans/shop-4kz2--cache-the-menu.md": """---
# shop-4kz2
title: Cache the menu
status: todo
type: feature
priority: normal
created_at: 2026-01-02T03:04:05Z
updated_at: 2026-01-02T03:04:05Z
parent: shop-9aa1
blocked_by:
    - shop-77xy
---

The menu is read too often.
""",
    ".tickets/sh-00c9.md": """---
id: sh-00c9
status: open
deps: [sh-00c8]
links: []
created: 2026-01-05T10:00:00Z
type: bug
priority: 1
---
# Prices flicker

They do.
""",
    "EIPS/eip-9718.md": """---
eip: 9718
title: Typed envelopes
author: Ann Lee (@ann), Bo <bo@example.org>
discussions-to: https://example.org/9718
status: Last Call
type: Standards Track
category: Core
created: 2020-06-13
requires: 9020, 9165
---

## Abstract

An envelope with a type.
""",
    "tasks/TASK-IM-103.md": """+++
id = "TASK-IM-103"
title = "Import \\"old\\" prices"
status = "⚪️ Planned"
priority = "🔥 Highest"
# assigned_to = "nobody"
depends_on = [
    "TASK-IM-101",  # the reader
    "TASK-IM-102",
]
tags = ["import", "prices"]
[extra]
seen = true
+++

# Import old prices

- [✅] Read
- [~] Write
""",
    "docs/stories/1.1.story.md": """<!-- made by hand -->
# Story 1.1: Sign in

## Status
Ready for Review

## Story
**As a** guest, **I want** to sign in, **so that** my cart is kept.

## Tasks / Subtasks
- [x] Form (AC: 1, 2)
  - [ ] Errors

## Dependencies
- Story 1.0 must be done
- Blocks Story 1.2
""",
    "implementation/1-10-sign-out.md": """# Story 1.10: Sign out

Status: ready-for-dev <!-- by the planner -->

## Story

As a member,
I want to sign out,
so that nobody else buys.
""",
    "sprint-status.yaml": """# made by hand
development_status:
  epic-1: in-progress
  1-1-sign-in: done
  1-10-sign-out: ready-for-dev
  epic-1-retrospective: optional
""",
    "historias/HIST-7.md": """# HIST-7: Listar pedidos

**Status:** Em andamento | **Prioridade:** Alta
**Estimativa:** M (3 pontos)
**Dependências:** HIST-6

## Critérios de Aceite

- [ ] Lista
""",
    "work/EPIC-001-shop/STORY-002-menu/TASK-001.md": """# TASK-001: Draw the menu

> **Type:** task
> **Status:** done
> **Priority:** medium
> **Parent:** [STORY-002](./STORY-002.md)
> **Owner:** —

## Summary

Drawn.
""",
    "work/ENABLER-4.md": """# ENABLER-4

## Frontmatter

```yaml
id: "ENABLER-4"
title: "Faster tests"
status: in_progress
priority: low
```

Text.
""",
    "docs/table.md": """# US-21 Filtros

| Campo | Valor |
|-------|-------|
| **Status** | Ready |
| **Prioridade** | P0-critical |
| Estimativa | L (~2-3d) |
""",
    "docs/TASK-031.md": """# TASK-031 - Regar o jardim

- Status: `done`
- Prioridade: alta
- Parent: [US-003](US-003.md)
""",
    "issues/003-local-store/README.md": """# Issue #003: 로컬 저장소

> 의존성: #001, #002

## 완료 조건

- [ ] 저장
""",
    "specs/004-cart/tasks.md": """# Tasks: Cart

## Phase 1: Setup

- [x] T001 Make the folder
- [ ] T002 [P] Add a linter (depends on T001)

## Phase 2: User Story 1

- [ ] T003 [P] [US1] Add to the cart in src/cart.py
""",
    "docs/epics.md": """# Epics

## Epic 3: Paying

### Story 3.1: Pay by card

**Status:** Done

- [x] Card

### Story 3.2: Pay by bill

**Status:** Draft
**Depends on:** Story 3.1
""",
    "epics/cart/20.md": """---
name: Count the items
status: open
created: 2025-09-01T10:00:00Z
updated: 2025-09-01T10:00:00Z
github: https://github.com/example/shop/issues/20
depends_on: [16, 17]
parallel: true
conflicts_with: []
---

# Task: Count the items
""",
    "specs/SRS/SRS-013.md": """---
active: true
derived: false
level: 1.3
links:
- MRS-002: 8mXQ
normative: true
ref: ''
reviewed: null
---

# Offline use

The shop shall work without a network.
""",
    ".todo/todo-43y7-Fix the door.md": """---
id: todo-43y7
title: "Fix the door"
state: open
priority: 2
type: "bug"
createdAt: "2025-11-20T14:05:40.830Z"
dependsOn: ["todo-43y6"]
---
""",
    "recits/US-4.md": """# US-4 — Fermer le mois

**Priorité :** P1
**Statut :** À faire
**Bloqué par :** —
**Complexité :** S (2 points)
**Créé le :** 12 janvier 2025
""",
}
