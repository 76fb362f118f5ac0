"""Targets of links: which are files of the project, where they lie, and the id in their names."""

from __future__ import annotations

import re
import unicodedata
from posixpath import normpath
from urllib.parse import unquote

from storysync.core.file_names import is_too_long

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|www\.")
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_STEM_ID = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9]{0,9}[-_]){1,3}?[0-9]+(?:[.-][0-9]+)*[a-z]?(?=[-_. ]|$)"
    r"|[A-Z]{0,4}[0-9]+(?:[.-][0-9]+)*[a-z]?(?=[-_. ]|$)"
)


def is_document(target: str) -> bool:
    """Whether a link leads to a Markdown file of the same disk."""
    bare = target.partition("#")[0].partition("?")[0].lower()
    return bare.endswith((".md", ".markdown")) and not _SCHEME.match(target)


def normal_path(target: str, path: str) -> str | None:
    """The target of a link in the file `path`, relative to the root (POSIX, NFC, without a fragment).

    `/docs/a.md` counts from the root. None: the target lies outside of the root, or no file has such a path.
    """
    bare = _decoded(target)
    if not bare or _CONTROL.search(bare):
        return None
    folder = "" if bare.startswith("/") else path.rpartition("/")[0]
    while folder and bare.startswith("../"):
        folder, bare = folder.rpartition("/")[0], bare[3:]
    where = f"{folder}/{bare}" if folder else bare.lstrip("/")
    if "./" in where or "//" in where:
        where = normpath(where)
    if not where.isascii():
        where = unicodedata.normalize("NFC", where)
    nowhere = where in (".", "..") or where.startswith("../") or is_too_long(where)
    return None if nowhere else where


def stem_id(target: str) -> str | None:
    """The id at the start of a file name: `INF-012` of `../inf/INF-012-pool.md`; None when there is none."""
    name = _decoded(target).rpartition("/")[2]
    if _DATE.match(name):
        return None
    found = _STEM_ID.match(name)
    return found[0] if found and not name.lower().startswith(_NO_STORY_FILES) else None


def stem(target: str) -> str:
    """The name of the file that a link leads to, without its ending."""
    return _decoded(target).rpartition("/")[2].rpartition(".")[0]


_NO_STORY_FILES = ("adr-", "adr_", "rfc-", "rfc_")


def _decoded(target: str) -> str:
    """A target without fragment and query, `%20` as a blank."""
    bare = target.partition("#")[0].partition("?")[0]
    return unquote(bare) if "%" in bare else bare
