"""What a heading or a label announces: criteria of some kind, references of some relation.

The words are facts about story files in the wild (several languages), compared without case, emphasis,
emoji, numbering and remarks in parentheses.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from storysync.core.outline import Heading

Mode = Literal["dependencies", "related", "none"]


class Meaning(NamedTuple):
    """What stands below a heading. None: the heading says nothing, so what is above it still holds."""

    criteria: str | None  # a section of `criteria`
    mode: Mode | None  # how its lines are read for references; "none": they name no stories
    relation: str  # of the references, when mode is "dependencies" or "related"


class Span(NamedTuple):
    """Rows `begin` (the heading's own) up to, not including, `end`, and what they mean."""

    begin: int
    end: int
    heading: Heading
    meaning: Meaning


_NOTHING = Meaning(None, None, "")
_REMARK = re.compile(r"\([^()]*\)|（[^（）]*）|\[[^\[\]]*\]")
_NUMBERING = re.compile(r"(?:\d+(?:\.\d+)*[.):]?\s+|[ivx]+\.\s+)")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_TAIL = re.compile(r"\s+(?:checklist|completed?|done|mandatory|required|commun|met|\d+/\d+)$")

_LONGEST = 64  # characters of a heading that may announce something

_CRITERIA = {
    "acceptance": (
        "acceptance criteria|acceptance criterion|acceptance|acs|success criteria|acceptance tests|"
        "acceptance scenarios|acceptance scenario|"
        "acceptatiecriteria|akzeptanzkriterien|criterios de aceite|critérios de aceite|"
        "criterios de aceitacao|critérios de aceitação|criterios de aceptación|criterios de aceptacion|"
        "critères d'acceptance|critères d'acceptation|critères d’acceptation|criteres d'acceptation|"
        "criteri di accettazione|"
        "验收标准|驗收標準|验收条件|수용 기준|인수 조건|완료 조건|受け入れ基準"
    ),
    "definition_of_done": (
        "definition of done|dod|done criteria|completion criteria|definition of completion|"
        "criterios de conclusao|critérios de conclusão|definição de pronto|définition de fini|"
        "définition du done|完成定义|完成标准|완료 정의"
    ),
    "tasks": (
        "tasks|task list|task breakdown|tasks / subtasks|tasks/subtasks|tasks & subtasks|"
        "tasks and subtasks|subtasks|sub-tasks|subtasks / checklist|implementation tasks|"
        "development tasks|technical tasks|dev tasks|to do|todo|to-do|checklist|implementation checklist|"
        "tarefas|tarefas tecnicas|tarefas técnicas|tâches|taken|aufgaben|任务|任务列表|任務|작업 목록|할 일"
    ),
}
_DEPENDS_ON = (
    "depends on|depends upon|depends|blocked by|blockers|blocked on|waiting on|waiting for|requires|"
    "required stories|prerequisite|prerequisites|prerequisite stories|prerequisite story|"
    "prerequisite tasks|prerequisite issues|prior story|prior stories|previous stories|"
    "upstream|upstream dependencies|upstream stories|dependent on|relies on|builds on|"
    "must be done after|must be completed first|prerequisite epics|prerequisite epic|"
    "requiere|prerrequisitos|requisitos previos|historias previas|histórias pré-requisito|"
    "dipende da|bloccato da|bloccata da|prerequisiti|nécessite|histoires prérequises|"
    "vereist|vereisten|benötigt|erfordert|abhängig von|"
    "前置任务|前提|前提条件|依存先|선행 조건|선행 스토리|"
    "depende de|bloqueado por|bloqueada por|pré-requisitos|pre-requisitos|requer|"
    "dépend de|bloqué par|bloquée par|prérequis|hangt af van|afhankelijk van|geblokkeerd door|"
    "hängt ab von|blockiert durch|blockiert von|voraussetzungen|"
    "前置|前置依赖|前置故事|依赖于|前置条件|선행|선행 이슈|선행 작업"
)
_BLOCKS = (
    "blocks|blocking|blocked stories|blocked story|blocked issues|blocked tasks|enables|unblocks|"
    "blocks stories|required by|needed by|used by|outputs used by|outputs used by subsequent stories|"
    "downstream|downstream dependencies|downstream stories|dependents|dependent stories|"
    "required for|needed for|prerequisite for|prerequisite of|blocker for|unlocks|enabled stories|"
    "enables stories|must be done before|must be completed before|subsequent stories|next stories|"
    "bloquea|desbloquea|requerido por|necesario para|historias bloqueadas|histórias bloqueadas|"
    "requerido por|necessário para|blocca|abilita|sblocca|richiesto da|requis par|nécessaire pour|"
    "histoires bloquées|nodig voor|vereist voor|geblokkeerde stories|benötigt von|benötigt für|"
    "后置任务|解锁|後続|後続タスク|차단|"
    "bloqueia|desbloqueia|habilita|bloque|débloque|blokkeert|blockiert|"
    "阻塞|被依赖|后续故事|후속|후속 이슈|후속 작업"
)
_RELATED = (
    "related|related to|relates to|related stories|related story|related issues|related issue|"
    "related tasks|related task|related items|related features|related work|see also|"
    "relacionado|relacionadas|historias relacionadas|verwant|gerelateerd|verwandt|"
    "相关|相关故事|관련|관련 이슈"
)
_NO_STORIES = (
    "external|technical|external dependencies|technical dependencies|external dependency|"
    "technical dependency|external / technical|external/technical|external systems|libraries|packages|"
    "package dependencies|npm dependencies|npm packages|crate dependencies|runtime dependencies|"
    "dev dependencies|development dependencies|test dependencies|system dependencies|"
    "library dependencies|third-party dependencies|third party dependencies|new dependencies|"
    "dependencies added|dependencies on existing code|package.json dependencies|resources|teams|"
    "infrastructure|infrastructure dependencies|data dependencies|externas|externes|外部依赖|技术依赖|"
    "dependency graph|grafo de dependencias|graphe de dépendances|依赖图"
)
_DEPENDENCY_SECTIONS = (
    "dependencies|dependency|story dependencies|internal dependencies|user story dependencies|"
    "task dependencies|dependencies & blockers|dependencies and blockers|dependencies & execution order|"
    "dependencies / blockers|dependencies/blockers|blockers & dependencies|dependencies & prerequisites|"
    "dependencies and prerequisites|prerequisites & dependencies|dependencies & related|"
    "dependencias|dependências|dépendances|afhankelijkheden|abhängigkeiten|dipendenze|"
    "依赖|依赖关系|依賴|의존성|의존 관계|의존관계|依存関係"
)
_REFERENCE_SECTIONS = (
    "references|reference|links|referências|referencias|références|referenties|参考|참고|참조"
)

_CRITERIA_WORDS = {word: section for section, words in _CRITERIA.items() for word in words.split("|")}
LABELS: dict[str, str | None] = {
    **dict.fromkeys(_DEPENDS_ON.split("|"), "depends_on"),
    **dict.fromkeys(_BLOCKS.split("|"), "blocks"),
    **dict.fromkeys(_RELATED.split("|"), "related"),
    **dict.fromkeys(_NO_STORIES.split("|"), None),
    **dict.fromkeys(_DEPENDENCY_SECTIONS.split("|"), "depends_on"),
}
"""The relation that a label inside of a dependency or reference section states; None: no stories."""


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """A heading or label in the form in which words are compared: `4. **Tasks** ✅ (2)` is `tasks`."""
    bare = _REMARK.sub(" ", text.replace("*", "").replace("`", "")).casefold()
    bare = _EDGES.sub("", _NUMBERING.sub("", _EDGES.sub("", bare), count=1))
    return " ".join(bare.split())


@lru_cache(maxsize=4096)
def meaning(heading: str) -> Meaning:
    """What a heading announces by its own words."""
    if len(heading) > _LONGEST:
        return _NOTHING
    words = plain(heading)
    criteria = _CRITERIA_WORDS.get(words) or _CRITERIA_WORDS.get(_EDGES.sub("", _TAIL.sub("", words)))
    if words in _DEPENDENCY_WORDS:
        return Meaning(criteria, "dependencies", LABELS[words] or "")
    if words in _RELATED_WORDS:
        return Meaning(criteria, "related", "related")
    if words in LABELS:
        return Meaning(criteria, "none", "")
    return Meaning(criteria, None, "") if criteria else _NOTHING


_RELATED_WORDS = frozenset((*_RELATED.split("|"), *_REFERENCE_SECTIONS.split("|")))
_DEPENDENCY_WORDS = frozenset(
    word for word, relation in LABELS.items() if relation is not None and word not in _RELATED_WORDS
)


@lru_cache(maxsize=1024)
def _inherited(own: Meaning, outer: Meaning) -> Meaning:
    mode, relation = (own.mode, own.relation) if own.mode else (outer.mode, outer.relation)
    return Meaning(own.criteria or outer.criteria, mode, relation)


def spans(headings: list[Heading], rows: int, first_line: int) -> list[Span]:
    """The part of the text that each heading governs; what it does not say is inherited from above."""
    found: list[Span] = []
    above: list[tuple[int, Meaning]] = []
    for number, heading in enumerate(headings):
        own = meaning(heading.text)
        while above and above[-1][0] >= heading.level:
            above.pop()
        if above and above[-1][1] is not _NOTHING:
            own = _inherited(own, above[-1][1])
        above.append((heading.level, own))
        end = headings[number + 1].line - first_line if number + 1 < len(headings) else rows
        found.append(Span(heading.line - first_line, end, heading, own))
    return found
