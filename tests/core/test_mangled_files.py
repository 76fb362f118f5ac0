"""Whatever happens to the bytes of a file, reading it gives a value with places that lie in the file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from storysync.core.problems import CODES
from storysync.core.reading import read
from storysync.core.story import Broken, Good, NotAStory, Read, SecondSource
from storysync.core.text import decode
from storysync.settings import ReadingSettings
from support.story_texts import TEXTS

DEFAULTS = ReadingSettings()
CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
_NASTY = (
    b"---\n", b"+++\n", b"```yaml\n", b"<!--", b"-->", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\r\n",
    b"\t", b"# ", b"## Status\n", b"> **", b"**", b"[[", b"](", b"| ", b"<<<<<<< ours\n", b"=======\n",
    b">>>>>>> x\n", b"&a [*a]\n", b"? [", b"- - - ", b"'", b'"', b'"""', b": ", b"{", b"\xc3",
    "：".encode(), "✅".encode(), b"Stories 1-99999\n", b"1.1.1.1.1.1", b"\xe2\x80\xa8", b"\x1b[31m",
)  # fmt: skip
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "shift-jis")


def samples() -> list[tuple[str, bytes]]:
    """The made-up files, and a few real ones of every repository where the checkout has them beside it."""
    found = [(path, text.encode()) for path, text in TEXTS.items()]
    for folder in sorted(CORPUS.glob("*__*")) if CORPUS.is_dir() else []:
        files = sorted(one for one in folder.rglob("*.md") if one.stat().st_size < 20_000)
        found += [
            (str(one.relative_to(folder)), one.read_bytes()) for one in files[:: max(len(files) // 4, 1)]
        ]
    return found


SAMPLES = samples()


@st.composite
def mangled(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file after some damage: cut off, bytes flipped, doubled, dropped, stuffed, encoded anew."""
    path, data = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(1, 200)))
        how = draw(st.sampled_from(("cut", "flip", "stuff", "drop", "double", "encode", "swap", "upper")))
        if how == "cut":
            data = data[:at]
        elif how == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
        elif how == "stuff":
            data = data[:at] + draw(st.sampled_from(_NASTY)) * draw(st.integers(1, 40)) + data[at:]
        elif how == "drop":
            data = data[:at] + data[to:]
        elif how == "double":
            data = data[:to] + data[at:]
        elif how == "swap":
            data = data[to:] + data[at:to] + data[:at]
        elif how == "upper":
            data = data[:at] + data[at:to].upper() + data[to:]
        elif how == "encode":
            encoding = draw(st.sampled_from(_ENCODINGS))
            data = data.decode("utf-8", "replace").encode(encoding, "replace")
    return path, data


@settings(max_examples=1500, deadline=None)
@given(mangled())
@example(("a.md", b"---\n- a\n---\n"))
def test_a_mangled_file_is_read_without_a_fault_and_never_in_silence(file: tuple[str, bytes]):
    path, data = file
    found = read(path, data, DEFAULTS)
    _sound(found, data)


@pytest.mark.parametrize("dialect", ["", "front_matter", "ccpm", "bold_header", "spec_kit", "epics"])
@settings(max_examples=60, deadline=None)
@given(file=mangled())
def test_pinning_a_dialect_changes_nothing_of_that(dialect: str, file: tuple[str, bytes]):
    _sound(read(*file, ReadingSettings(dialect=dialect)), file[1])


@pytest.mark.parametrize("path", [path for path in TEXTS if path.endswith(".md")])
def test_every_made_up_file_gives_stories_with_titles(path: str):
    found = read(path, TEXTS[path].encode(), DEFAULTS)
    assert isinstance(found, Good), found
    assert all(story.title and story.id for story in found.stories)
    assert [one.code for one in found.problems if CODES[one.code].severity == "error"] == []


def _sound(found: Read, data: bytes) -> None:
    codes = [problem.code for problem in found.problems]
    assert "internal-error" not in codes, found.problems
    if isinstance(found, Broken | NotAStory):
        assert codes, "a file without a story says why"
        return
    if isinstance(found, SecondSource):
        return
    assert found.stories
    decoded = decode(data)
    assert not isinstance(decoded, Broken)
    lines = decoded.text.split("\n")
    assert len({story.anchor for story in found.stories}) == len(found.stories)
    for story in found.stories:
        assert story.title
        assert story.id_line <= len(lines)
        for place in (*story.references, *found.problems):
            assert 0 <= place.line <= len(lines)
            assert not place.line or 0 <= place.col <= len(lines[place.line - 1]) + 2, place


def test_lean_reading_finds_the_same_problems_and_all_but_criteria_and_user_stories() -> None:
    for path, data in SAMPLES:
        whole, lean = read(path, data, DEFAULTS), read(path, data, DEFAULTS, lean=True)
        if isinstance(whole, Good):
            stories = tuple(
                msgspec.structs.replace(one, criteria=(), user_role=None, user_want=None, user_benefit=None)
                for one in whole.stories
            )
            whole = Good(stories, whole.problems)
        assert lean == whole, path
