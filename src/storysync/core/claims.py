"""Which id a file claims, where it says so, and what in the file contradicts it (DIALECTS.md section 2)."""

from __future__ import annotations

from storysync.core.headings import fits_file_name, id_of_file_name, same_id
from storysync.core.judged_file import Claim, JudgedFile

_LONGEST_ID = 200
_NO_ID = frozenset(("none", "null", "n/a", "tbd", "-", "--", "—", "–", "?"))


def claim_of(file: JudgedFile) -> Claim:
    """The id that counts: front matter, YAML comment, header, first heading, file name, in this order."""
    special = file.traits.id
    value = file.fields.single.get("id")
    if special is not None and (value is None or file.heads[value.head].source != "front_matter"):
        return Claim(special.text, file.traits.id_source, special.line, special.col)
    if value is not None and (text := file.text("id")) is not None:
        story_id = " ".join(text.replace("`", "").split()).lstrip("#")
        if value.head or file.heads[0].source == "header":
            story_id = story_id.split(" (", 1)[0]
        if story_id and len(story_id) <= _LONGEST_ID and story_id.casefold() not in _NO_ID:
            return Claim(story_id, file.heads[value.head].source, value.line, value.col)
    h1 = file.body.h1
    if file.heading.id is not None and h1 is not None:
        return Claim(file.heading.id, "h1", h1.line, h1.col + file.heading.offset)
    named = id_of_file_name(file.path)
    return Claim(named, "file_name", 0, 0) if named is not None else Claim(None, "none", 0, 0)


def judge_id(file: JudgedFile, claim: Claim) -> None:
    """Report other ids in the file that contradict the one that counts."""
    assert claim.id is not None
    for other in file.fields.others.get("id", ()):
        if not same_id(claim.id, other.text):
            file.report(
                "id-disagreement", f"`{other.name}` says {other.text}, but the id is {claim.id}", other
            )
    h1 = file.body.h1
    heading_id = file.heading.id if claim.source != "h1" else None
    if h1 is not None and heading_id is not None and not same_id(claim.id, heading_id):
        place = Claim(None, "h1", h1.line, h1.col + file.heading.offset)
        file.report("id-disagreement", f"the heading says {heading_id}, but the id is {claim.id}", place)
    if not fits_file_name(claim.id, file.path):
        name = file.path.rpartition("/")[2]
        file.report("id-differs-from-file-name", f"the id is {claim.id}, but the file is named {name}", claim)
