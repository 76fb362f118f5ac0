"""One form for words that mean the same: case, accents, emoji and separators removed."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_SEPARATORS = re.compile(r"[\s_‐-―-]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PUNCTUATION = re.compile(r"[\W_]+")
_COMMENT = re.compile(r"<!--.*?-->|<!--.*$", re.DOTALL)
_STRUCK = re.compile(r"~~.*?~~")
_MARKUP = re.compile(r"[`*_~<\]]")
_LINK = re.compile(r"!?\[([^\]\[]*)\]\([^()]*\)")
_SYMBOLS = frozenset(("So", "Sk", "Cf", "Co", "Cn"))


def fold(text: str) -> str:
    """`To-Do`, `to_do` and `TO DO` are one word; `é` is `e`. Punctuation inside words stays."""
    if text.isascii():
        return _SEPARATORS.sub(" ", text.casefold()).strip()
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    bare = "".join([char for char in decomposed if not unicodedata.combining(char)])
    return _SEPARATORS.sub(" ", bare).strip()


def fold_name(name: str) -> str:
    """The name of a field: like `fold`, with `dependsOn` as two words and without any punctuation."""
    return _known_name(name) if len(name) <= _USUAL_NAME else _fold_name(name)


def _fold_name(name: str) -> str:
    return _PUNCTUATION.sub(" ", fold(_CAMEL.sub(" ", name))).strip()


_USUAL_NAME = 60  # characters of a name that is remembered
_known_name = lru_cache(maxsize=2048)(_fold_name)


def without_markup(text: str) -> str:
    """The words of a Markdown text: no comments, emphasis, back-ticks, links or struck-out words."""
    if _MARKUP.search(text) is None:
        return " ".join(text.split())
    text = _STRUCK.sub(" ", _LINK.sub(r"\1", _COMMENT.sub(" ", text)))
    return " ".join(text.replace("`", "").replace("*", "").split()).strip("_ ")


def without_symbols(text: str) -> str:
    """The text without emoji and other pictures."""
    if text.isascii():
        return text.strip()
    return "".join([char for char in text if not _is_symbol(char)]).strip()


def _is_symbol(char: str) -> bool:
    return char > "~" and (char in "\ufe0f\u20e3" or unicodedata.category(char) in _SYMBOLS)


def words_of(table: str) -> list[str]:
    """The folded spellings of a `|`-separated list, in its order."""
    return [fold(word) for word in table.split("|")]
