"""The words of story files, as seen in twelve thousand of them; `core.words` and `core.fields` look them up.

Spellings are separated by `|`. Case, accents, emoji and the difference between `_`, `-` and a blank do
not matter. A project adds its own words in its settings.
"""

from __future__ import annotations

STATUSES: dict[str, str] = {
    "draft": (
        "draft|drafted|idea|proposed|proposal|planning|refinement|concept|nog te bepalen|stub|"
        "needs refinement|triage|in planning|voorgesteld|discovery|in design|needs revision|"
        "design review"
    ),
    "backlog": "backlog|icebox|unplanned|future",
    "todo": (
        "todo|to do|open|pending|not started|planned|new|a fazer|à faire|te doen|未开始|待办|대기|queued|"
        "not begun|nog te doen|created|to be done|pending approval"
    ),
    "ready": (
        "ready|ready for dev|ready for development|approved|ready for implementation|"
        "ready to implement|approved for implementation|ready to start|sprint ready|prêt|story ready|"
        "contexted|scheduled|selected|refined"
    ),
    "in_progress": (
        "in progress|inprogress|active|started|wip|doing|working|en cours|em andamento|in uitvoering|"
        "bezig|进行中|진행중|building|implementing|in development|ongoing|partial|partially complete|"
        "partially done|partially implemented|mostly complete|substantially complete|in execution|"
        "testing|in testing|analyzing|reopened|onderhanden"
    ),
    "review": (
        "review|in review|ready for review|code review|qa|pending review|waiting for review|"
        "under review|last call|awaiting review|ready for qa|ready for testing|needs review|in qa|"
        "qa review|inreview|readyforreview|ready for merge|ready to merge|in revisione"
    ),
    "blocked": "blocked|on hold|waiting|geblokkeerd|bloqué|bloqueado|suspended|impeded",
    "done": (
        "done|complete|completed|closed|implemented|final|merged|finished|resolved|shipped|released|"
        "verified|terminé|fait|concluido|feito|gereed|voltooid|afgerond|fixed|delivered|完成|已完成|완료|"
        "archived|validated|passed|qa passed|production ready|living|documented|completed & merged"
    ),
    "accepted": "accepted|signed off|afgenomen|aceito",
    "deferred": (
        "deferred|postponed|later|someday|uitgesteld|shelved|snoozed|adiado|reporté|post mvp|"
        "stagnant|paused|parked"
    ),
    "cancelled": (
        "cancelled|canceled|rejected|withdrawn|abandoned|wontfix|wont fix|won't do|wont do|won't fix|"
        "obsolete|superseded|duplicate|declined|scrapped|invalid|deprecated|moved|dropped|annulé|"
        "cancelado|geannuleerd|removed|skipped|not needed|n/a|vervallen|merged into"
    ),
}

STATUS_SYMBOLS: dict[str, str] = {
    "done": "✅|☑|✔",
    "todo": "🔴|⬜|☐|⚪",
    "in_progress": "🟡|🔄|🚧",
}
"""Symbols that may be the whole value. 🟢 is left out: it stands for ready as often as for done."""

PRIORITIES: dict[int, str] = {
    0: (
        "critical|highest|urgent|blocker|showstopper|immediate|very high|must|must have|mandatory|"
        "kritiek|critique|critica|critico|urgente|kritisch|紧急|긴급"
    ),
    1: "high|important|should|should have|hoog|alta|alto|haute|elevee|hoch|major|高|높음",
    2: (
        "medium|med|mid|normal|moderate|average|default|could|could have|nice to have|gemiddeld|media|medio|"
        "moyenne|mittel|中|보통|중간"
    ),
    3: "low|minor|laag|baixa|baixo|basse|faible|baja|bajo|niedrig|低|낮음",
    4: "lowest|trivial|very low|deferred|later|someday|won't|wont|won't have|wont have|would have|would",
}

SIZES: dict[str, str] = {
    "XXS": "xxs|2xs",
    "XS": "xs|pp|extra small|x small|tiny|trivial|very small|very low",
    "S": "s|p|small|low|simple|easy|minor|klein|pequeno|petit|petite|laag|baixa|faible",
    "M": "m|medium|med|moderate|normal|gemiddeld|medio|media|moyen|moyenne|middel",
    "L": "l|g|large|high|big|complex|groot|grande|hoog|alta|grand|elevee",
    "XL": "xl|gg|extra large|x large|very large|very high|huge|epic",
    "XXL": "xxl|2xl|xxxl|extra extra large",
}
SIZE_POINTS: dict[str, float] = {"XXS": 0.5, "XS": 1, "S": 2, "M": 3, "L": 5, "XL": 8, "XXL": 13}

KINDS: dict[str, str] = {
    "story": "story|user story|us|userstory|verhaal|historia|recit",
    "epic": "epic|initiative|epico|epique",
    "feature": "feature|enhancement|feat|improvement",
    "task": "task|subtask|sub task|chore|tarefa|taak|todo|tsk",
    "bug": "bug|defect|fix|bugfix|bug fix|hotfix|fout",
    "spike": "spike|research|investigation",
    "requirement": "requirement|req|functional requirement",
    "spec": "spec|specification|design|rfc|standards track",
}

ID_PREFIXES: dict[str, str] = {
    "story": "story|us|userstory",
    "epic": "epic",
    "feature": "feat|feature",
    "task": "task|tsk",
    "bug": "bug|fix",
    "spike": "spike",
    "requirement": "req|srs|mrs",
    "spec": "spec|eip|rfc",
}
"""Letters before the first number of an id that tell its kind."""

HEADING_WORDS = "user story|story|task|epic|feature|bug|spike|issue|ticket|requirement|subtask|chore"
"""Words that stand before an id in a first heading."""

NO_VALUE = (
    "|none|n/a|na|nil|null|no|tbd|tba|tbc|to be determined|to be defined|unknown|unassigned|unset|"
    "not set|not applicable|not yet|pending|undefined|?|??|-|--|—|–|…|...|[]|{}|aucun|aucune|geen|keine|"
    "nenhum|nenhuma|无|없음|ninguno|ninguna"
)
"""What people write where there is nothing to write."""

FIELDS: dict[str, str] = {
    "id": "id|story id|task id|issue id|ticket id|feature id|identifier|eip|story key|jira id|id da historia",
    "title": "title|name|titel|titulo|titre|제목|标题",
    "status": (
        "status|state|statut|estado|상태|状态|current status|story status|stand|situacao|completion status"
    ),
    "priority": (
        "priority|prioriteit|priorite|prioridade|prioridad|우선순위|优先级|importance|urgency|severity|moscow"
    ),
    "estimate": (
        "estimate|story points|points|estimation|estimated|storypoints|estimated effort|effort|"
        "effort estimate|size|story size|sizing|complexity|complexite|complexidade|estimativa|esforco|"
        "estimated time|level of effort|estimated loe|duration|estimated duration|duree estimee|"
        "예상 시간|工作量"
    ),
    "estimate_hours": "estimated hours|estimate hours|hours|hours estimate",
    "estimate_tokens": "estimated tokens|est tokens|token estimate|tokens",
    "owner": "owner|owners|eigenaar|responsavel|담당자|负责人",
    "author": "author|authors|created by|reporter|auteur|autor",
    "assignee": (
        "assignee|assignees|assigned to|assigned|assignee s|developer|dev agent|agent|executor|"
        "agente executor"
    ),
    "labels": "labels|tags|label|tag|etiquetas|etiquettes|keywords",
    "created": (
        "created|created at|created on|created date|createdat|date created|creation date|date|criado em|"
        "aangemaakt|cree|cree le|생성일|创建|datum"
    ),
    "updated": (
        "updated|updated at|updated on|updated date|updatedat|last updated|last modified|modified|"
        "bijgewerkt|last sync|atualizado|ultima atualizacao|mis a jour"
    ),
    "completed": (
        "completed|completed at|completed on|completed date|completion date|date completed|closed|closed at|"
        "closedat|finished|concluido em|완료일"
    ),
    "sprint": "sprint|iteration",
    "kind": "type|kind|work type|issue type|tipo",
    "branch": "branch name|branch|git branch|feature branch",
    "epic": "epic|epico|epique|epic id|epic link|parent epic|initiative|episch verhaal|에픽",
    "parent": (
        "parent|parent id|parent task id|parent task|parent story|parent issue|parent feature|bovenliggend"
    ),
    "child": "children|child|subtasks|sub tasks|child stories",
    "depends_on": (
        "dependencies|depends on|dependson|deps|dependency|requires|prerequisites|prerequisite|"
        "prerequisite stories|pre requisitos|의존성|依赖|dependencias|dependances|afhankelijkheden|depends|"
        "prior story|depends upon|vereist|depend de|blocked by|blockedby|bloque par|bloquee par|"
        "bloqueado por|blockers|blocker|waiting on|geblokkeerd door"
    ),
    "blocks": (
        "blocks|blocking|bloque|bloqueia|blockiert|blocks story|blocked stories|unblocks|enables|blokkeert"
    ),
    "related": (
        "related|related issues|related tasks|related stories|relates to|related to|see also|discovered from"
    ),
    "conflicts": "conflicts with|conflicts",
    "supersedes": "supersedes|replaces",
    "duplicates": "duplicates|duplicate of",
}
"""Canonical field -> names, the most telling one first: of several in one file the first counts."""
