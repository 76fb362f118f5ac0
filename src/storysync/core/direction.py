"""Which way a sentence about dependencies points: `depends on INF-2`, `must be done before INF-3`.

Only what stands right beside a name is looked at; where nothing does, the section or field decides.
"""

from __future__ import annotations

import re
from typing import Literal

from storysync.core.patterns import at_first_use

Turn = Literal["", "inverse", "unrelated", "parent"]

_NEAR = 110  # characters before and behind a name
_INVERSE = (
    r"blocks?|blocking|enables?|enabling|unblocks?|unlocks?|precedes?|feeds(?:[ \t]+into)?"
    r"|(?:required|needed|necessary|used|consumed|awaited)[ \t]+(?:by|for|in)|depended[ \t]+(?:up)?on[ \t]+by"
    r"|(?:prerequisites?|requirement|foundation|basis|blocker|dependency|input)[ \t]+(?:for|of|to)"
    r"|before|prior[ \t]+to|ahead[ \t]+of|followed[ \t]+by"
    r"|next(?:[ \t]+(?:story|task|issue|epic|up))?[ \t]*[*_]{0,3}[:：]"
    r"|bloqueia|desbloqueia|habilita|antes[ \t]+d[aeo]s?|bloque|débloque|avant|blokkeert|voor|blockiert|vor"
)
_EARLIER = frozenset(("before", "prior", "ahead", "antes", "avant", "voor", "vor"))
_BETWEEN = (
    r"(?:(?:the|of|all|any|both|also|on|start|starting|beginning|begin|implementing|work|working|other|our|next"
    r"|completion|implementation|development|and|stories|story|tasks?|epics?|issues?|features?|for|with|a|as?"
    r"|os?|da|de|do|la|le|les|het|die|der)\b[ \t*_`:#]*){0,6}"
)
_BEFORE = at_first_use(rf"(?<!\w)(?P<cue>{_INVERSE})(?!\w)[ \t*_`:]*{_BETWEEN}[*_`\[\"'(#]*$", re.IGNORECASE)
_NEGATION = at_first_use(
    r"(?:\b(?:not|never|cannot|no|none|nothing|independent|nenhuma?|não|aucune?|pas|geen|niet|kein(?:e|er)?"
    r"|nicht|n[ãa]o|independente)\b|n't\b)",
    re.IGNORECASE,
)
_NOT_NEEDED = at_first_use(
    r"(?:\b(?:in[ \t]+)?parallel[ \t]+(?:with|to)|\bnot[ \t]+(?:dependent|depending)[ \t]+(?:up)?on"
    r"|\bindependent[ \t]+(?:of|from)|\bindependente[ \t]+d[aeo]s?|\bunrelated[ \t]+to|\bno[ \t]+longer\b"
    r"[^.;,]{0,30}|\b(?:does|do|is|are|did)(?:[ \t]+not|n't)[ \t]+(?:depend(?:ent)?(?:[ \t]+(?:up)?on)?"
    r"|requires?|needs?|blocked[ \t]+by)"
    r"|\b(?:nenhuma?|no|aucune?)[ \t]+(?:\w+[ \t]+){0,3}(?:depende[ \t]+d[aeo]|depends?[ \t]+(?:up)?on"
    r"|dépend[ \t]+de))"
    rf"[ \t*_`:]*{_BETWEEN}[*_`\[\"'(#]*$",
    re.IGNORECASE,
)
_PARENT = at_first_use(
    r"(?<!\w)parent(?:[ \t]+(?:story|task|issue|epic|feature))?[ \t]*[*_]{0,3}[:：][ \t*_`\[\"'(#]*$",
    re.IGNORECASE,
)
_BEHIND = at_first_use(
    r"[*_`\]\"']{0,4}(?:[ \t]*\([^()\n]{0,60}\))?[ \t]*[:,–—(-]?[ \t]*"
    r"(?:(?:which|that|will|also|directly|itself|is|are|be|being|then|must|should|shall|can|may|only|both|all"
    r"|needs?|has|have|had|to|done|completed|finished|implemented|merged|built|started|starts?|begins?|comes?"
    r"|scheduled|planned)[ \t]+){0,6}"
    r"(?:after|(?:depends?|dependent|relies|rely|builds?)[ \t]+(?:up)?on|requires?|needs?|uses?|consumes?"
    r"|follows?"
    r"|blocked[ \t]+(?:by|on)|waits?[ \t]+(?:for|on)|waiting[ \t]+(?:for|on)"
    r"|can(?:not|'t)?[ \t]+(?:only[ \t]+)?(?:start|begin|proceed)[ \t]+(?:until|after|once))"
    r"[ \t]+(?:this|it(?=[ \t]*(?:$|[.,;)]))|the[ \t]+current|our)\b",
    re.IGNORECASE,
)
_SHORTEST_BEHIND = len("uses it")
_NO_WORDS = " \t\n,.;:!?()[]{}<>*_`~\"'#&/+-–—0123456789"
"""Characters that say nothing about the name behind them."""
_CLAUSE = re.compile(r"[.;!?][ \t]|[;\n]")
_LISTED = at_first_use(r"[ \t*_`\])]*(?:\([^()\n]{0,80}\))?[ \t]*(?:[,/&+]|(?:and|or|e|et|en|und)\b)"
                     r"[ \t]*(?:and[ \t]+)?[*_`\[#]*(?:[A-Za-z]{2,9}[ \t]+#?)?")  # fmt: skip


def turn_at(text: str, begin: int, name: tuple[int, int], end: int) -> Turn:
    """How a sentence about what this story needs turns at the name that stands at text[name]:

    `inverse` when the story named needs this one, `unrelated` when neither is said to need the other,
    `parent` behind that label.
    `begin` is where the sentence begins, or the name before ends.
    """
    before = text[max(begin, name[0] - _NEAR) : name[0]]
    if before.strip(_NO_WORDS):
        turn = _turn_before(before)
        if turn is not None:
            return turn
    if end - name[1] < _SHORTEST_BEHIND:
        return ""
    return "inverse" if _BEHIND.match(text, name[1], min(end, name[1] + _NEAR)) else ""


def _turn_before(before: str) -> Turn | None:
    """What the words before a name say; None when they say nothing, so that those behind it count."""
    begins = [clause.end() for clause in _CLAUSE.finditer(before)]
    before = before[begins[-1] :] if begins else before
    if _PARENT.search(before):
        return "parent"
    if _NOT_NEEDED.search(before):
        return "unrelated"
    cue = _BEFORE.search(before)
    if cue is not None:
        if not _NEGATION.search(before, 0, cue.start()):
            return "inverse"
        return "" if cue["cue"].split()[0].casefold() in _EARLIER else "unrelated"
    return None


def goes_on(text: str, begin: int, end: int) -> bool:
    """Whether nothing but `, ` or `and` stands between two names: what is said of one holds for both."""
    return end - begin <= 120 and _LISTED.fullmatch(text, begin, end) is not None
