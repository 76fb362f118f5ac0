"""A small database of made-up stories, synced from real files."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent

import pytest

from storysync.app import App
from storysync.store.reader import Reader
from support.forms import Form

FILES = {
    "shop/a/SH-1-first.md": """
        id: SH-1
        title: First
        status: done
        priority: P1
        estimate: 3
        owner: Ada Berg
        labels: [web]
        epic: Epic 2
        created: 2026-01-02""",
    "shop/a/SH-2-second.md": """
        id: SH-2
        title: Second
        status: todo
        priority: P0
        estimate: 8
        owner: Bo Lind (@bo)
        dependencies: [SH-1]
        labels: [web, API]
        epic: 'Epic 2: More'
        created: 2026-01-01""",
    "shop/a/SH-10-tenth.md": """
        id: SH-10
        title: Tenth
        status: ready
        priority: P2
        dependencies: [SH-2, SH-99]
        epic: Epic 22
        market: north""",
    "shop/b/SH-3-third.md": """
        id: SH-3
        title: Third
        status: in_progress
        dependencies: [bank:BK-1]""",
    "shop/b/SH-7-one.md": """
        id: SH-7
        title: One of two
        status: todo""",
    "shop/b/SH-7-two.md": """
        id: SH-7
        title: The other
        status: todo""",
    "shop/b/SH-8-draft.md": """
        id: SH-8
        title: Sketch
        status: draft
        dependencies: [SH-7]""",
    "bank/BK-1.md": """
        id: BK-1
        title: Pay
        status: done
        blocks: [shop:SH-10]""",
    "bank/SH-2.md": """
        id: BK-2
        title: Refund
        status: review
        dependencies: [SH-3]""",
}
BODY = """
# {title}

As a clerk, I want to test, so that it holds.

## Acceptance Criteria

- [x] one
- [ ] two
  - [ ] nested
"""


@pytest.fixture(scope="module")
def reader(form: Form, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("queries")
    for path, head in FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        title = head.partition("title: ")[2].partition("\n")[0]
        head = dedent(head).strip()
        file.write_text(f"---\n{head}\n---\n{BODY.format(title=title)}", encoding="utf-8")
    with form.lent(folder) as database:
        app = App.load(folder, {"STATE_DIRECTORY": str(folder)}, flags={"database.url": database.url})
        app.sync(app.projects(("shop", "bank")))
        broken = folder / "shop/a/SH-1-first.md"
        broken.write_text("<<<<<<< ours\n---\nid: SH-1\n=======\n>>>>>>> theirs\n", encoding="utf-8")
        app.sync(app.projects(("shop",)))
        with app.reader() as reader:
            yield reader
