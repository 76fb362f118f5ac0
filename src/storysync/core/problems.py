"""Every code that a problem may carry: its severity, what it means and what to do about it.

Codes are stable: scripts filter by them. `docs/problems.md` is generated from this table. An *error*
means that something of the file is missing from the database, a *warning* that something was judged
and may be meant otherwise, an *info* that nothing is wrong but good to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from storysync.core.story import Problem


class Code(NamedTuple):
    """One kind of problem. `summary` is one sentence, `remedy` what the owner of the file can do:

    a hint, so it begins in lower case and has no full stop.
    """

    severity: str  # error, warning, info
    summary: str
    remedy: str


_FILE = {
    "unreadable-file": Code(
        "error", "The file could not be read.", "check its permissions; the last good row stays until then"
    ),
    "unreadable-folder": Code(
        "error", "The folder could not be listed.", "check its permissions; its stories stay until then"
    ),
    "not-a-regular-file": Code(
        "warning", "The name belongs to a link, a pipe, a device or a socket, which is never opened.",
        "remove it, or add it to `ignore`",
    ),
    "file-too-large": Code(
        "error", "The file is larger than `max_file_kb` and was not read.",
        "split the file, or raise `max_file_kb`",
    ),
    "path-too-long": Code(
        "error", "A path in this folder has more than 1,500 bytes; what it leads to is left out.",
        "shorten the names of the folders",
    ),
    "path-clash": Code(
        "warning", "Two files have the same path once accents are composed (NFC).", "rename one of them"
    ),
    "empty-file": Code(
        "error", "The file has nothing but blanks; perhaps a writer was interrupted.",
        "restore the text, or delete the file",
    ),
    "not-utf8": Code(
        "error", "The bytes are not UTF-8, nor UTF-16 with a byte order mark.", "save the file as UTF-8"
    ),
    "nul-byte": Code(
        "error", "The file has NUL characters, so it is binary or damaged.",
        "restore the file from version control",
    ),
    "merge-conflict": Code(
        "error", "The head of the file has conflict markers of an unfinished merge.",
        "resolve the merge and remove the markers",
    ),
    "conflict-marker": Code(
        "warning", "The body has a line that looks like a conflict marker of a merge.",
        "resolve the merge and remove the markers",
    ),
    "control-character": Code(
        "warning", "A control character was replaced by U+FFFD.", "remove the character"
    ),
    "byte-order-mark": Code(
        "info", "The file begins with a byte order mark.", "save it as UTF-8 without one"
    ),
    "utf-16": Code("info", "The file is UTF-16.", "save it as UTF-8"),
    "crlf-line-ends": Code(
        "info", "Lines end with a carriage return; they are stored with line feeds.",
        "convert the line ends, if you do not want them",
    ),
    "no-final-newline": Code("info", "The last line has no line feed.", "end the file with one"),
    "internal-error": Code(
        "error", "The reader failed on this file; that is a fault of storysync.",
        "please report the file and the message",
    ),
}  # fmt: skip

_HEAD = {
    "front-matter-unclosed": Code(
        "error", "The front matter begins with `---` or `+++` but is never closed.",
        "add a line `---` after the last key",
    ),
    "front-matter-too-large": Code(
        "error", "The front matter is larger than `max_front_matter_kb`; only plain lines of it were read.",
        "move long text into the body, or raise `max_front_matter_kb`",
    ),
    "front-matter-invalid": Code(
        "error", "The front matter is not valid YAML or TOML; what can mean one thing was read nevertheless.",
        "mend the line; text with `:`, `#`, `@` or quotes must be quoted",
    ),
    "front-matter-not-mapping": Code(
        "error", "The front matter is a list or a text instead of `key: value` pairs.",
        "write one `key: value` on each line",
    ),
    "yaml-too-deep": Code(
        "error", "The front matter is nested more than 32 levels deep.", "flatten the value"
    ),
    "yaml-alias": Code(
        "error", "The front matter uses a YAML alias (`*name`), which is not expanded.", "repeat the value"
    ),
    "duplicate-key": Code(
        "warning", "A key of the front matter appears twice; the last one counts.", "remove one of them"
    ),
    "duplicate-field": Code(
        "warning", "A header field appears twice with different values; the first one counts.",
        "remove one of them",
    ),
    "field-disagreement": Code(
        "warning", "The front matter and the header give different values; the front matter counts.",
        "make them agree, or remove one of them",
    ),
    "not-a-text": Code(
        "warning", "A list or mapping stands where one value was expected.", "write a single value"
    ),
}  # fmt: skip

_STORY = {
    "no-evidence": Code(
        "info", "Nothing says that this file is a story: no id, no status, no id in the first heading.",
        "give it an `id` or a `status` if it is one; else exclude it",
    ),
    "id-disagreement": Code(
        "warning", "The front matter, the header and the first heading name different ids.",
        "make them agree; the front matter counts first, then the header",
    ),
    "id-differs-from-file-name": Code(
        "warning", "The file is named after another id.", "rename the file or correct the id"
    ),
    "title-missing": Code(
        "warning", "There is no title and no first heading; the file name serves as title.", "add a `title`"
    ),
    "several-headings": Code(
        "warning", "The file has more than one first-level heading; the first one counts.",
        "use `##` for the others",
    ),
    "status-missing": Code("warning", "The story has no status.", "add a `status`"),
    "unknown-status": Code(
        "warning", "The status is not a known word.", "use a known word, or map it under `statuses`"
    ),
    "partial-status": Code(
        "warning", "The status says done, but only in part; it counts as in progress.",
        "write `in progress`, or `done` when all of it is",
    ),
    "status-disagreement": Code(
        "warning", "Two places in the file give different statuses.",
        "make them agree; the front matter counts first, then the header",
    ),
    "status-from-folder": Code(
        "info", "The file gives no status; the one of its folder was taken.",
        "write the status into the file, or map the folder to `''` under `folders`",
    ),
    "folder-disagreement": Code(
        "warning", "The folder says otherwise than the status in the file; the file counts.",
        "move the file or correct its status, or map the folder to `''` under `folders`",
    ),
    "unknown-priority": Code(
        "warning", "The priority is not a known word.", "use a known word, or map it under `priorities`"
    ),
    "priority-number": Code(
        "info", "The priority is a number above 5, which has no rank; it is kept as text.",
        "map the number under `priorities` if it has a rank",
    ),
    "unknown-estimate": Code(
        "warning", "The estimate was not understood; it is kept as text.",
        "write points (`3`, `3sp`), a size (`M`) or a time (`2 days`), or map it under `estimates`",
    ),
    "invalid-date": Code("warning", "The date does not exist or was not understood.", "write `YYYY-MM-DD`"),
    "ambiguous-date": Code(
        "warning", "Day and month of the date cannot be told apart.", "write `YYYY-MM-DD`"
    ),
    "placeholder": Code(
        "warning", "The value is a placeholder of a template and was left out.", "fill it in, or remove it"
    ),
}  # fmt: skip

_SECOND = {
    "second-source-invalid": Code(
        "error", "The file that gives the status of many stories cannot be read; its last claims stay.",
        "mend the line; `development_status` must be a mapping of names to statuses",
    ),
    "second-source-disagreement": Code(
        "warning", "A story's own file gives another status than this one; its own file counts.",
        "make them agree",
    ),
    "status-only-in-second-source": Code(
        "info", "The story's own file gives no status; what this one says is not put in its place.",
        "write the status into the story's file",
    ),
    "second-source-ambiguous": Code(
        "warning", "The name fits several stories; none was chosen.",
        "name the file exactly as one of them is named",
    ),
    "second-source-without-story": Code(
        "info", "There is no story of this name or number.", "correct the name, or write the story"
    ),
}  # fmt: skip

_GRAPH = {
    "dangling-reference": Code(
        "warning", "The story that is referred to does not exist (yet).",
        "correct the id, or create the story; the edge appears by itself then",
    ),
    "ambiguous-reference": Code(
        "warning", "The reference fits several stories; none was chosen.",
        "write the id exactly as one of them spells it, or a link to its file",
    ),
    "relaxed-match": Code(
        "info", "The reference was resolved although it is spelled differently.", "spell the id exactly"
    ),
    "self-reference": Code("warning", "The story refers to itself.", "remove the reference"),
    "dependency-cycle": Code(
        "error", "Stories depend on each other in a circle, so none of them can become ready.",
        "remove one of the dependencies named",
    ),
    "contested-id": Code(
        "error", "Several files claim the same id; all are kept, and references to it are ambiguous.",
        "give each story its own id",
    ),
    "told-elsewhere": Code(
        "info", "An item of a file has the id of a story with a file of its own; that file counts.",
        "exclude the list if it only repeats the stories, or give the item another id",
    ),
    "deletion-held": Code(
        "warning", "Many files vanished at once; their stories are kept until that is confirmed.",
        "run `storysync sync --confirm-deletions`, or bring the files back",
    ),
}  # fmt: skip

CODES: Mapping[str, Code] = MappingProxyType(_FILE | _HEAD | _STORY | _SECOND | _GRAPH)
"""Code -> what is known about it."""


def severity(code: str) -> str:
    """The severity of a code. Raises KeyError for a code that is not in the table."""
    return CODES[code].severity


def problem(code: str, message: str, line: int = 0, col: int = 0, hint: str = "") -> Problem:
    """A problem whose hint is the remedy of its code, unless a better one is given."""
    return Problem(code, message, line, col, hint or CODES[code].remedy)
