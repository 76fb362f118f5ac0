"""Which id a file claims, where it says so, and what in the file contradicts it (DIALECTS.md section 2)."""

from __future__ import annotations

import re
from typing import NamedTuple

from storysync.core.folding import fold_name
from storysync.core.gather import texts_of
from storysync.core.headings import fits_file_name, id_of_file_name, is_folder_page, same_id
from storysync.core.ids import key, prefix_keys
from storysync.core.judged_file import Claim, JudgedFile
from storysync.core.yaml_events import Scalar

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
    if named is None:
        return Claim(None, "none", 0, 0)
    return Claim(named, "folder" if is_folder_page(file.path) else "file_name", 0, 0)


class Names(NamedTuple):
    """Under which names beside its id a story is found."""

    aliases: tuple[str, ...]  # as written
    prefix_keys: tuple[str, ...]
    heading_keys: tuple[str, ...]


def names_of(file: JudgedFile, claim: Claim, kind: str) -> Names:
    """What else the story is called: `aliases:`, another type word, an id in the file that did not count.

    Aliases stay in the metadata too, as written.
    """
    aliases: list[str] = []
    for node in file.fields.listed.get("aliases", ()):
        file.fields.metadata.setdefault("aliases", node)
        texts = _COMMAS.split(node.text) if isinstance(node, Scalar) and not node.null else texts_of(node)
        aliases += (text for one in texts if (text := one.strip(" \t`\"'")) and len(text) <= _LONGEST_ID)
    aliases = [one for one in aliases if one.casefold() not in _NO_ID]
    if claim.id is None:
        return Names(tuple(aliases), (), ())
    own = key(claim.id)
    word = _word_of(file, claim, kind) if own[0].isdigit() else ""
    prefixes = prefix_keys(own, word, file.path, file.rules.id_prefixes)
    others = [other.text for other in file.fields.others.get("id", ()) if _is_id(other.text)]
    if claim.source != "h1" and file.heading.id is not None:
        others.append(file.heading.id)
    elif file.body.h1 is not None and (name := _UPPER_SNAKE.match(file.body.h1.text)):
        others.append(name[0])
    known = {own, *prefixes}
    heading_keys = [name for name in dict.fromkeys(map(key, others)) if name not in known] if others else []
    return Names(tuple(aliases), prefixes, tuple(heading_keys))


_COMMAS = re.compile(r"[,;，；、\n]")
_ONE_ID = re.compile(r"(?:[^\W\d_]+[ \t]+)?#?[\w.-]*\w")
_UPPER_SNAKE = re.compile(r"[A-Z][A-Z0-9]{0,30}(?:_[A-Z0-9]{1,30}){1,10}(?=[ \t]*(?:$|[:：]|[-–—][ \t]))")
_FIELD_WORD = re.compile(r"[a-z]+")


def _is_id(text: str) -> bool:
    """Whether a value is one word, or a word and an id (`Story 3.2`): a table may explain what `id` means."""
    return len(text) <= _LONGEST_ID and _ONE_ID.fullmatch(text.strip("` \t")) is not None


def _word_of(file: JudgedFile, claim: Claim, kind: str) -> str:
    """The word that may stand before the id's number: of the field that gives it (`eip`), else the kind."""
    value = file.fields.single.get("id")
    if value is not None and (value.line, value.col) == (claim.line, claim.col):
        word = fold_name(value.name).removesuffix(" id")
        if word not in ("id", "identifier") and _FIELD_WORD.fullmatch(word):
            return word
    return kind


def judge_id(file: JudgedFile, claim: Claim) -> None:
    """Report other ids in the file that contradict the one that counts."""
    assert claim.id is not None
    for other in file.fields.others.get("id", ()):
        if _is_id(other.text) and not same_id(claim.id, other.text):
            file.report(
                "id-disagreement", f"`{other.name}` says {other.text}, but the id is {claim.id}", other
            )
    h1 = file.body.h1
    heading_id = file.heading.id if claim.source != "h1" else None
    if h1 is not None and heading_id is not None and not same_id(claim.id, heading_id):
        place = Claim(None, "h1", h1.line, h1.col + file.heading.offset)
        file.report("id-disagreement", f"the heading says {heading_id}, but the id is {claim.id}", place)
    special = file.traits.id
    for stated in (*((special,) if special is not None else ()), *file.traits.stated):
        if not same_id(claim.id, stated.text):
            place = Claim(None, "none", stated.line, stated.col)
            file.report("id-disagreement", f"{stated.text} stands here, but the id is {claim.id}", place)
    if not _fits_name(file, claim.id):
        parts = file.path.rsplit("/", 2)
        named = f"folder is named {parts[-2]}" if is_folder_page(file.path) else f"file is named {parts[-1]}"
        file.report("id-differs-from-file-name", f"the id is {claim.id}, but the {named}", claim)


def _fits_name(file: JudgedFile, story_id: str) -> bool:
    """Whether the file is named after its id, by the rules of its dialect if it has some."""
    named = file.traits.named
    return fits_file_name(story_id, file.path) if named is None else same_id(story_id, named)
