"""The words of story files, as seen in twelve thousand of them; `core.words` and `core.fields` look them up.

Spellings are separated by `|`. Case, accents, emoji and the difference between `_`, `-` and a blank do
not matter. A project adds its own words in its settings.
"""

from __future__ import annotations

STATUSES: dict[str, str] = {
    "draft": (
        "draft|drafted|drafting|idea|proposed|proposal|planning|refinement|concept|stub|needs refinement|"
        "triage|in planning|discovery|in design|needs revision|design review|nog te bepalen|voorgesteld|"
        "brouillon|rascunho|borrador|entwurf|bozza|proposta|propuesta|vorschlag|草稿|草案|초안|下書き"
    ),
    "backlog": "backlog|icebox|unplanned|future|in backlog|백로그|バックログ",
    "todo": (
        "todo|to do|open|pending|not started|planned|new|queued|not begun|created|to be done|"
        "pending approval|unstarted|not yet started|a fazer|à faire|te doen|nog te doen|por hacer|"
        "pendiente|pendente|em aberto|não iniciado|não iniciada|no iniciado|non commencé|en attente|"
        "planifié|planejado|planejada|planificado|aberto|aberta|abierto|abierta|ouvert|ouverte|novo|nova|"
        "nuevo|nueva|nouveau|offen|geplant|neu|nicht begonnen|nicht gestartet|zu erledigen|niet gestart|"
        "gepland|nieuw|da fare|non iniziato|pianificato|aperto|nuovo|未开始|待办|待处理|待开始|未開始|"
        "未着手|计划中|新建|予定|대기|대기 중|할 일|예정|시작 전|미시작"
    ),
    "ready": (
        "ready|ready for dev|ready for development|approved|ready for implementation|ready to implement|"
        "approved for implementation|ready to start|sprint ready|story ready|contexted|scheduled|selected|"
        "selected for development|refined|groomed|ready for work|ready for sprint|unblocked|prêt|prête|"
        "prêt à développer|pronto para desenvolvimento|pronta para desenvolvimento|aprovado|aprovada|"
        "listo para desarrollo|aprobado|aprobada|approuvé|bereit|genehmigt|goedgekeurd|approvato|就绪|"
        "准备就绪|已批准|준비|준비됨|승인됨|準備完了|承認済み"
    ),
    "in_progress": (
        "in progress|inprogress|active|started|wip|doing|working|building|implementing|in development|"
        "ongoing|partial|partially complete|partially done|partially implemented|mostly complete|"
        "substantially complete|in execution|testing|in testing|analyzing|reopened|in dev|developing|"
        "in work|underway|under way|in implementation|onderhanden|en cours|em andamento|em progresso|"
        "em desenvolvimento|em execução|em curso|fazendo|iniciado|en progreso|en proceso|en curso|"
        "en desarrollo|haciendo|in bearbeitung|in arbeit|begonnen|in corso|in lavorazione|in sviluppo|"
        "in uitvoering|bezig|mee bezig|gestart|en développement|进行中|处理中|开发中|测试中|進行中|作業中|"
        "実装中|対応中|진행중|진행 중|작업 중|개발 중"
    ),
    "review": (
        "review|in review|ready for review|code review|in code review|peer review|qa|pending review|"
        "waiting for review|under review|last call|awaiting review|awaiting approval|ready for qa|"
        "ready for testing|needs review|in qa|qa review|inreview|readyforreview|ready for merge|"
        "ready to merge|pr open|in pr|in revisione|in uat|en revisión|em revisão|en revue|in prüfung|"
        "in beoordeling|te beoordelen|审核中|待审核|评审中|待评审|검토|검토 중|리뷰 중|レビュー中|"
        "レビュー待ち"
    ),
    "blocked": (
        "blocked|on hold|hold|waiting|suspended|impeded|stalled|stuck|geblokkeerd|in de wacht|bloqué|"
        "bloquée|bloqueado|bloqueada|blockiert|bloccato|bloccata|impedido|阻塞|已阻塞|被阻塞|受阻|차단됨|"
        "보류|ブロック中"
    ),
    "done": (
        "done|complete|completed|closed|implemented|final|finalized|merged|finished|resolved|shipped|"
        "released|verified|fixed|delivered|archived|validated|passed|qa passed|production ready|living|"
        "documented|completed & merged|deployed|published|in production|fully implemented|fully complete|"
        "feature complete|all done|100% complete|100% done|terminé|terminée|fait|fini|finie|achevé|livré|"
        "fermé|résolu|concluido|concluida|feito|finalizado|finalizada|entregue|fechado|fechada|resolvido|"
        "completado|completada|hecho|terminado|terminada|cerrado|cerrada|resuelto|erledigt|fertig|"
        "abgeschlossen|geschlossen|umgesetzt|gereed|voltooid|afgerond|gesloten|opgeleverd|fatto|completato|"
        "completata|finito|chiuso|risolto|完成|已完成|已关闭|已解决|已实现|已交付|完了|実装済み|対応済み|"
        "완료|완료됨|종료|해결됨|구현 완료"
    ),
    "accepted": (
        "accepted|signed off|afgenomen|geaccepteerd|aceito|aceita|aceptado|accepté|akzeptiert|abgenommen|"
        "accettato|已验收|验收通过|인수 완료|受入済み"
    ),
    "deferred": (
        "deferred|postponed|later|someday|shelved|snoozed|post mvp|stagnant|paused|parked|delayed|"
        "uitgesteld|adiado|adiada|aplazado|pospuesto|reporté|reportée|différé|verschoben|zurückgestellt|"
        "rinviato|rimandato|推迟|已推迟|延期|搁置|暂停|연기|연기됨"
    ),
    "cancelled": (
        "cancelled|canceled|rejected|withdrawn|abandoned|wontfix|wont fix|won't do|wont do|won't fix|"
        "obsolete|superseded|duplicate|declined|scrapped|invalid|deprecated|moved|dropped|removed|skipped|"
        "not needed|no longer needed|not planned|will not do|will not fix|n/a|merged into|discarded|annulé|"
        "annulée|abandonné|rejeté|cancelado|cancelada|descartado|descartada|rejeitado|rechazado|"
        "geannuleerd|vervallen|afgewezen|abgebrochen|abgelehnt|verworfen|storniert|annullato|annullata|"
        "rifiutato|已取消|取消|废弃|已废弃|作废|취소|취소됨|キャンセル|中止|却下"
    ),
}

STATUS_SYMBOLS: dict[str, str] = {
    "done": "✅|☑|✔",
    "todo": "🔴|⬜|☐|⚪",
    "in_progress": "🟡|🔄|🚧",
    "blocked": "⛔|🚫",
    "deferred": "⏸",
}
"""Symbols that may be the whole value. 🟢 is left out: it stands for ready as often as for done."""

FOLDERS: dict[str, str] = {
    "done": "done|completed|complete|closed|finished|archive|archived|processed",
    "draft": "draft|drafts",
    "cancelled": "cancelled|canceled|rejected|abandoned|wontfix|wont do|scrapped",
    "deferred": "deferred|postponed|icebox|someday",
    "in_progress": "in progress|doing|wip",
}
"""Status -> names of folders; not those that trackers call their root, as `backlog` and `todo`."""

PRIORITIES: dict[int, str] = {
    0: (
        "critical|highest|urgent|blocker|showstopper|immediate|very high|must|must have|mandatory|top|"
        "kritiek|critique|critica|critico|urgente|kritisch|dringend|indispensable|imprescindible|"
        "obrigatorio|muito alta|tres haute|sehr hoch|紧急|最高|必须|긴급|최우선|매우 높음|필수|最優先|緊急|"
        "必須"
    ),
    1: (
        "high|important|should|should have|major|hoog|alta|alto|haute|haut|elevee|eleve|hoch|importante|"
        "belangrijk|wichtig|高|重要|높음|高い"
    ),
    2: (
        "medium|med|mid|normal|moderate|average|default|could|could have|nice to have|gemiddeld|middel|"
        "media|medio|moyenne|moyen|normale|normaal|mittel|中|中等|普通|一般|보통|중간"
    ),
    3: "low|minor|laag|baixa|baixo|basse|bas|bassa|basso|faible|baja|bajo|niedrig|gering|低|낮음|低い",
    4: (
        "lowest|trivial|very low|deferred|later|someday|won't|wont|won't have|wont have|would have|would|"
        "laagst|muito baixa|tres basse|sehr niedrig|最低|매우 낮음"
    ),
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
    "story": (
        "story|user story|us|userstory|verhaal|gebruikersverhaal|historia|historia de usuario|"
        "historia de utilizador|recit|recit utilisateur|用户故事|故事|스토리|사용자 스토리|ストーリー"
    ),
    "epic": "epic|initiative|epico|epica|epique|epos|史诗|에픽|エピック",
    "feature": (
        "feature|enhancement|feat|improvement|new feature|fonctionnalite|funcionalidade|funcionalidad|"
        "funktion|funzionalita|functionaliteit|功能|기능|機能"
    ),
    "task": (
        "task|subtask|sub task|chore|todo|tsk|technical task|refactor|refactoring|documentation|docs|"
        "maintenance|test|tech debt|technical debt|tarefa|tarea|taak|tache|aufgabe|compito|任务|작업|タスク"
    ),
    "bug": "bug|defect|fix|bugfix|bug fix|hotfix|fout|fehler|erro|errore|anomalie|缺陷|버그|バグ|不具合",
    "spike": "spike|research|investigation|onderzoek|recherche|pesquisa|调研|조사|調査",
    "requirement": (
        "requirement|req|functional requirement|non functional requirement|nfr|requisito|exigence|"
        "anforderung|eis|需求|요구사항|要件"
    ),
    "spec": "spec|specification|design|rfc|standards track|especificacao|especificacion|spezifikation|规范",
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
    "not set|not applicable|not yet|pending|undefined|?|??|-|--|—|–|…|...|[]|{}|nothing|none yet|"
    "not assigned|not estimated|no dependencies|no dependency|none required|aucun|aucune|non assigne|"
    "non applicable|sans objet|nenhum|nenhuma|nao|nao aplicavel|nao definido|nao se aplica|sem dependencias|"
    "ninguno|ninguna|no aplica|sin asignar|sin dependencias|geen|nvt|n.v.t|niet toegewezen|"
    "niet van toepassing|keine|kein|keiner|entfallt|nicht zugewiesen|nessuno|nessuna|non assegnato|无|暂无|"
    "无依赖|未分配|未指定|待定|不适用|없음|해당 없음|미정|미지정|なし|未定|該当なし"
)
"""What people write where there is nothing to write."""

FIELDS: dict[str, str] = {
    "id": (
        "id|story id|task id|issue id|ticket id|feature id|identifier|eip|story key|jira id|id da historia|"
        "bug id|us id|item id"
    ),
    "aliases": "aliases|alias|also known as|formerly|former id|former ids|previous id|previous ids",
    "title": "title|name|titel|titulo|titre|제목|标题|titolo|タイトル|naam|nombre|nome",
    "status": (
        "status|state|statut|estado|상태|状态|current status|story status|stand|situacao|completion status|"
        "stato|zustand|estado atual|estado actual|statut actuel|huidige status|ステータス|状況"
    ),
    "priority": (
        "priority|prioriteit|priorite|prioridade|prioridad|우선순위|优先级|importance|urgency|severity|"
        "moscow|prioritat|priorita|优先度|優先度|중요도"
    ),
    "estimate": (
        "estimate|story points|points|estimation|estimated|storypoints|estimated effort|effort|"
        "effort estimate|size|story size|sizing|complexity|complexite|complexidade|estimativa|esforco|"
        "estimated time|level of effort|estimated loe|duration|estimated duration|duree estimee|예상 시간|"
        "工作量|t shirt size|effort points|schatting|inschatting|aufwand|schatzung|stima|estimacion|"
        "esfuerzo|complejidad|complexiteit|komplexitat|complessita|puntos|puntos de historia|pontos|"
        "pontos de historia|punten|charge estimee|taille|tamanho|omvang|估算|预估|工时|故事点|見積|"
        "見積もり|工数|추정|예상 공수|스토리 포인트"
    ),
    "estimate_hours": "estimated hours|estimate hours|hours|hours estimate",
    "estimate_tokens": "estimated tokens|est tokens|token estimate|tokens",
    "owner": (
        "owner|owners|eigenaar|responsavel|담당자|负责人|proprietaire|propietario|verantwoordelijke|"
        "verantwortlich|verantwortlicher|responsable|responsabile|责任人|所有者|책임자|担当者|担当"
    ),
    "author": (
        "author|authors|created by|reporter|auteur|autor|autore|ersteller|criado por|creado por|cree par|"
        "gemaakt door|erstellt von|创建人|作者|작성자|作成者"
    ),
    "assignee": (
        "assignee|assignees|assigned to|assigned|assignee s|developer|dev agent|agent|executor|"
        "agente executor|toegewezen aan|assigne a|asignado a|atribuido a|zugewiesen an|assegnato a|指派给|"
        "经办人|배정"
    ),
    "labels": "labels|tags|label|tag|etiquetas|etiquettes|keywords|etichette|标签|태그|라벨|ラベル|タグ",
    "created": (
        "created|created at|created on|created date|createdat|date created|creation date|date|criado em|"
        "aangemaakt|cree|cree le|생성일|创建|datum|criado|creado|creado el|creato|erstellt|erstellt am|"
        "date de creation|data de criacao|fecha de creacion|fecha|aanmaakdatum|创建时间|创建日期|创建于|"
        "日期|작성일|작성 날짜|날짜|作成日|日付"
    ),
    "updated": (
        "updated|updated at|updated on|updated date|updatedat|last updated|last modified|modified|"
        "bijgewerkt|last sync|atualizado|ultima atualizacao|mis a jour|atualizado em|actualizado|"
        "aktualisiert|aggiornato|derniere mise a jour|ultima actualizacion|laatst bijgewerkt|"
        "zuletzt aktualisiert|更新|更新时间|更新日期|最后更新|最終更新|更新日|수정일|업데이트"
    ),
    "completed": (
        "completed|completed at|completed on|completed date|completion date|date completed|closed|"
        "closed at|closedat|finished|concluido em|완료일|done at|finished at|resolved at|resolved on|"
        "closed on|closed date|concluido|data de conclusao|completado|fecha de finalizacion|"
        "abgeschlossen am|termine le|date de fin|afgerond op|完成日期|完成时间|完了日|완료 날짜"
    ),
    "sprint": "sprint|iteration|iteracao|iteracion|iteratie|迭代|冲刺|스프린트|スプリント",
    "kind": (
        "type|kind|work type|issue type|tipo|story type|item type|task type|typ|soort|类型|유형|種類|種別"
    ),
    "branch": "branch name|branch|git branch|feature branch",
    "epic": (
        "epic|epico|epique|epic id|epic link|parent epic|initiative|episch verhaal|에픽|epica|史诗|エピック"
    ),
    "parent": (
        "parent|parent id|parent task id|parent task|parent story|parent issue|parent feature|bovenliggend|"
        "padre|pai|ubergeordnet|父任务|상위 작업|親タスク"
    ),
    "child": (
        "children|child|subtasks|sub tasks|child stories|enfants|filhos|hijos|子任务|하위 작업|子タスク"
    ),
    "depends_on": (
        "dependencies|depends on|dependson|deps|dependency|requires|prerequisites|prerequisite|"
        "prerequisite stories|pre requisitos|의존성|依赖|dependencias|dependances|afhankelijkheden|depends|"
        "prior story|depends upon|vereist|depend de|blocked by|blockedby|bloque par|bloquee par|"
        "bloqueado por|blockers|blocker|waiting on|geblokkeerd door|prerequisite story|prerequisite tasks|"
        "dipendenze|dipende da|abhangigkeiten|abhangig von|depende de|afhankelijk van|hangt af van|"
        "prerequis|prerequisitos|prerequisiti|voraussetzungen|vereisten|bloqueada por|blockiert durch|"
        "blockiert von|bloccato da|依赖项|依赖于|前置任务|前置依赖|선행 작업|선행 조건|依存|依存関係|"
        "is blocked by|upstream|builds on|waiting for|required stories|prior stories|previous stories"
    ),
    "blocks": (
        "blocks|blocking|bloque|bloqueia|blockiert|blocks story|blocked stories|unblocks|enables|blokkeert|"
        "bloquea|blocca|阻塞|차단|required by|needed by|used by|dependents|depended on by|dependent stories|"
        "downstream|prerequisite for|required for"
    ),
    "related": (
        "related|related issues|related tasks|related stories|relates to|related to|see also|"
        "discovered from|lie a|relacionado|relacionados|relacionadas|verwandt|gerelateerd|correlati|相关|"
        "관련|関連"
    ),
    "conflicts": "conflicts with|conflicts",
    "supersedes": "supersedes|replaces",
    "duplicates": "duplicates|duplicate of",
}
"""Canonical field -> names, the most telling one first: of several in one file the first counts."""
