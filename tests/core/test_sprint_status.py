"""`sprint-status.yaml`: what it claims, which story each claim means, what is found of it."""

from __future__ import annotations

import pytest

from storysync.core.file_names import is_looked_at, is_second_source
from storysync.core.reading import read
from storysync.core.sprint_status import Claimed, Named, findings, key_of, meant_by, names_of
from storysync.core.story import Broken, SecondSource, StatusClaim
from storysync.settings import ReadingSettings

DEFAULTS = ReadingSettings()
FILE = """\
# made by hand
generated: 2026-01-02
development_status:
  epic-1: in-progress   # begun
  1-10-sign-out: ready-for-dev
  "1-2-sign-in": 'done'
  epic-1-retrospective: optional

other:
  1-3-not-here: done
"""


def claims_of(text: str, settings: ReadingSettings = DEFAULTS) -> SecondSource:
    found = read("docs/sprint-status.yaml", text.encode(), settings)
    assert isinstance(found, SecondSource), found
    return found


def named(uid: int, path: str, status: str | None = "done", **more: object) -> Named:
    values: dict[str, object] = {
        "anchor": "",
        "kind": "story",
        "key": None,
        "status_raw": status,
        "status_line": 3,
    }
    values.update(more)
    return Named(uid, path, status=status, **values)  # type: ignore[arg-type]


def claimed(
    name: str, raw: str = "done", status: str | None = "done", path: str = "s/sprint-status.yaml"
) -> Claimed:
    return Claimed(path, name, key_of(name), raw, status, 7, 12)


def meant(claim: Claimed, *stories: tuple[str, Named]) -> list[int]:
    known: dict[str, list[Named]] = {}
    for name, story in stories:
        known.setdefault(name, []).append(story)
    return [one.uid for one in meant_by(claim, known)]


@pytest.mark.parametrize("name", ["sprint-status.yaml", "sprint-status.yml", "Sprint-Status.YAML"])
def test_the_file_is_known_by_its_name(name: str) -> None:
    assert is_looked_at(name)
    assert is_second_source(f"a/b/{name}")


@pytest.mark.parametrize(
    "name", ["status.yaml", "sprint-status.yaml.md", "my-sprint-status.yaml", "sprint-status"]
)
def test_no_other_file_is_a_second_source(name: str) -> None:
    assert not is_second_source(f"a/{name}")


def test_each_line_of_the_section_is_a_claim_at_its_place() -> None:
    assert claims_of(FILE).claims == (
        StatusClaim("epic-1", "epic-1", "in-progress", "in_progress", 4, 11),
        StatusClaim("1-10-sign-out", "1.10", "ready-for-dev", "ready", 5, 18),
        StatusClaim("1-2-sign-in", "1.2", "done", "done", 6, 18),
        StatusClaim("epic-1-retrospective", None, "optional", None, 7, 25),
    )
    assert claims_of(FILE).problems == ()


def test_the_values_of_bmad_are_known() -> None:
    words = {
        "backlog": "backlog", "drafted": "draft", "contexted": "ready", "ready-for-dev": "ready",
        "in-progress": "in_progress", "review": "review", "done": "done", "optional": None,
    }  # fmt: skip
    text = "development_status:\n" + "".join(f"  1-{n}-x: {word}\n" for n, word in enumerate(words))
    found = claims_of(text)
    assert [claim.status for claim in found.claims] == list(words.values())
    assert found.problems == ()


def test_an_unknown_value_is_a_warning_at_its_line_and_can_be_mapped() -> None:
    text = "development_status:\n  1-1-a: cooking\n"
    found = claims_of(text)
    assert found.claims[0].status == "unknown"
    assert [(one.code, one.line, one.col) for one in found.problems] == [("unknown-status", 2, 10)]
    own = claims_of(text, ReadingSettings(statuses={"cooking": "in_progress"}))
    assert own.claims[0].status == "in_progress"


def test_a_number_is_text_and_a_list_is_reported() -> None:
    found = claims_of("development_status:\n  1-1-a: 010\n  1-2-b: [done]\n  1-3-c:\n")
    assert [(claim.name, claim.raw, claim.status) for claim in found.claims] == [
        ("1-1-a", "010", "unknown"),
        ("1-3-c", "", None),
    ]
    assert [one.code for one in found.problems] == ["unknown-status", "not-a-text"]


def test_of_a_name_that_stands_twice_the_last_one_counts() -> None:
    found = claims_of("development_status:\n  1-1-a: todo\n  1-1-a: done\n")
    assert [(claim.name, claim.status) for claim in found.claims] == [("1-1-a", "done")]
    assert [one.code for one in found.problems] == ["duplicate-key"]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("development_status:\n  1-1-a: done\n  1-2-b: [\n", "second-source-invalid", 4),
        ("generated: today\n", "second-source-invalid", 0),
        ("development_status: done\n", "second-source-invalid", 1),
        ("- development_status\n", "second-source-invalid", 0),
        ("", "empty-file", 0),
        ("development_status:\n<<<<<<< HEAD\n  1-1-a: done\n", "merge-conflict", 2),
        ("development_status:\n  a: " + "[" * 40 + "]" * 40 + "\n", "yaml-too-deep", 2),
    ],
)
def test_a_file_that_cannot_be_read_is_broken(text: str, code: str, line: int) -> None:
    found = read("sprint-status.yaml", text.encode(), DEFAULTS)
    assert isinstance(found, Broken)
    assert (found.problems[-1].code, found.problems[-1].line) == (code, line)


def test_an_empty_section_claims_nothing() -> None:
    assert claims_of("development_status:\n").claims == ()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("1-10-sign-out", "1.10"),
        ("01-02-x", "01.2"),
        ("2-3a-x", "2.3a"),
        ("1-10", "1.10"),
        ("epic-12", "epic-12"),
        ("epic-12-retrospective", None),
        ("1-x", None),
        ("sign-in", None),
        ("1-10x-y", "1.10x"),
        ("1-10xy", None),
    ],
)
def test_the_key_of_a_name_is_its_number(name: str, key: str | None) -> None:
    assert key_of(name) == key


def test_the_file_of_that_name_is_meant_before_one_of_that_number() -> None:
    claim = claimed("1-2-sign-in")
    exact = named(1, "s/1-2-sign-in.md", key="9.9")
    other = named(2, "s/1-2-login.md", key="1.2")
    assert meant(claim, ("1-2-sign-in", exact), ("1.2", other)) == [1]
    assert meant(claim, ("1.2", other)) == [2]


def test_the_nearest_folder_wins_and_a_tie_is_nobody() -> None:
    claim = claimed("1-2-a", path="app/status/sprint-status.yaml")
    near, far = named(1, "app/stories/1-2-a.md"), named(2, "web/1-2-a.md")
    twin = named(3, "app/other/1-2-a.md")
    assert meant(claim, ("1-2-a", far), ("1-2-a", near)) == [1]
    assert meant(claim, ("1-2-a", near), ("1-2-a", twin)) == [3, 1]


def test_an_item_of_a_file_is_meant_by_number_only() -> None:
    claim = claimed("epics", path="sprint-status.yaml")
    assert meant(claim, ("epics", named(1, "epics.md", anchor="1.1"))) == []
    assert meant(claimed("1-1-x"), ("1.1", named(1, "epics.md", anchor="1.1", key="1.1"))) == [1]


def test_an_epic_is_meant_by_its_number_and_no_story_of_it() -> None:
    claim = claimed("epic-3")
    assert names_of("epic-3", "epic-3") == ("epic-3", "epic-3", "3")
    assert meant(claim, ("3", named(1, "a.md", key="3", kind="epic")), ("3", named(2, "b.md", key="3"))) == [
        1
    ]


def test_the_retrospective_of_an_epic_is_not_the_epic() -> None:
    retro = named(1, "s/epic-3-retro-2026-01-02.md", key="epic-3", kind="epic")
    assert meant(claimed("epic-3"), ("epic-3", retro)) == []


def test_a_difference_names_the_file_its_line_and_both_values() -> None:
    story = named(1, "s/1-2-a.md", "review", status_raw="Review")
    (found,) = findings([claimed("1-2-a")._replace(meant=(story,))])
    assert (found.code, found.line, found.col) == ("second-source-disagreement", 7, 12)
    assert found.message == "the status of `1-2-a` is “done” here, but s/1-2-a.md:3 says “Review”"


def test_other_words_for_the_same_are_no_difference() -> None:
    story = named(1, "s/1-2-a.md", "done", status_raw="Completed")
    assert findings([claimed("1-2-a")._replace(meant=(story,))]) == []


def test_words_that_are_not_understood_are_compared_with_nothing() -> None:
    story, unknown = named(1, "s/1-2-a.md", "done"), named(1, "s/1-2-a.md", "unknown", status_raw="Cooking")
    assert findings([claimed("1-2-a", "baking", "unknown")._replace(meant=(story,))]) == []
    assert findings([claimed("1-2-a")._replace(meant=(unknown,))]) == []


def test_a_story_without_a_status_is_told_and_gets_none() -> None:
    story = named(1, "s/1-2-a.md", None, status_line=0)
    (found,) = findings([claimed("1-2-a")._replace(meant=(story,))])
    assert found.code == "status-only-in-second-source"
    assert "“done”" in found.message


def test_claims_without_a_story_are_told_once() -> None:
    claims = [
        claimed("1-1-a", "backlog", "backlog"), claimed("epic-1"), claimed("epic-1-retrospective"),
        claimed("1-2-b"), claimed("1-3-c", "review", "review"),
    ]  # fmt: skip
    (found,) = findings(claims)
    assert found.code == "second-source-without-story"
    assert found.message == "there is no story for `1-2-b` and 1 more"


def test_what_fits_several_stories_is_told_with_their_places() -> None:
    claim = claimed("1-2-a")._replace(meant=(named(1, "a/1-2-a.md", "todo"), named(2, "b/1-2-a.md")))
    (found,) = findings([claim])
    assert found.code == "second-source-ambiguous"
    assert "a/1-2-a.md, b/1-2-a.md" in found.message


def test_a_claim_without_a_status_is_compared_with_nothing() -> None:
    story = named(1, "s/epic-1-retrospective.md", "done")
    claim = claimed("epic-1-retrospective", "optional", None)
    assert findings([claim._replace(meant=(story,))]) == []
