"""What a file may say and no database is made for: it is kept or told, and every database holds the same."""

from __future__ import annotations

import random

import pytest

from storysync.settings import ReadingSettings

random_ = random.Random(4)
LONG = "".join(random_.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(12_000))
"""Text that cannot be packed: a database may squeeze what repeats itself."""
WIDE = "".join(chr(random_.randrange(0x10000, 0x1F000)) for _ in range(3_000))


def settle(world) -> None:  # type: ignore[no-untyped-def]
    """Synced without a refusal, the second time nothing is left to do, and equal to a rebuild."""
    world.sync()
    assert "internal-error" not in world.codes()
    assert not world.sync().changed
    world.must_equal()


@pytest.mark.parametrize(
    "head",
    [
        'owner: "a\\0b"', 'title: "\\ud800"', 'note: "\\x00\\udfff\\uffff"', "note: \ufffe\U0010ffff",
        'labels: ["\\0", "a\\0b"]', 'status: "\\0"', 'aliases: ["a\\0"]', '"\\0": x', '"\\ud800k": x',
        'dependencies: ["A-\\0"]', 'epic: "\\x85\\u2028"', "note: 1e999", "note: .nan", "note: -0.0",
        "estimate: 1e999", "estimate: .nan", "estimate: 1e300", "estimate: 99999999999999999999",
        "estimate: -.inf", f"estimate: {'9' * 400}", "estimate: inf points", "priority: 99999999999999999999",
        "created: 0000-00-00", "created: 0001-01-01", "created: 9999-12-31", "created: 99999-01-01",
        "created: 0001-01-01T00:00:00+14:00", "created: 9999-12-31T23:59:59-12:00",
        "created: 0001-01-01T00:00:00Z", "completed: 2026-02-30T25:61:00Z", "created: 0044-03-15",
        "? [a]\n: b", "note: {a: {b: [1, {c: null}]}}", "note: 'it''s 100 % sure? yes'", "note: '\\'",
        "title: \"E'\\\\x' $$ $1 %s %(a)s ? :x ; -- /* */\"",
    ],
)  # fmt: skip
def test_values_that_fit_no_column(world, head: str) -> None:  # type: ignore[no-untyped-def]
    world.write("a.md", text=f"---\nid: A-1\nstatus: todo\n{head}\n---\n# A-1: Title\n\nBody\n")
    settle(world)
    assert world.column("SELECT id FROM stories") == ["A-1"]


@pytest.mark.parametrize(
    "head",
    [
        "id: {text}", "id: A-1\nlabels: [{text}]", 'id: A-1\nlabels: "a, {text}"',
        "id: A-1\naliases: [{text}, b-{text}]", "id: A-1\ndependencies: [{text}, A-{text}, A-2]",
        "id: A-1\nblocks: ['other:{text}']", "id: A-1\nepic: {text}", "id: A-1\nowner: {text}",
        "id: A-1\nassignees: ['{text}', '@{text}', '{text}@example.org']", "id: A-1\nsprint: {text}",
        "id: A-1\nbranch: {text}", "id: A-1\ntitle: {text}", "id: A-1\nstatus: {text}",
        "id: A-1\nkind: {text}", "id: A-1\n{text}: x", "id: A-1\npriority: {text}",
        "id: A-1\nestimate: {text}", "id: A-1\nparent: {text}/A-2",
        "id: A-1\ndependencies: ['[x]({text}.md)', '[x]({text}/b.md#{text})']",
        "id: A-1\ndependencies: ['{text}:A-2']", "id: A-1\ndependencies: ['A-{text} to A-9']",
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", [LONG, LONG[:3000], WIDE, WIDE[:900]], ids=["long", "3000", "wide", "900"])
def test_texts_without_end(world, head: str, text: str) -> None:  # type: ignore[no-untyped-def]
    world.write("a.md", text=f"---\nstatus: todo\n{head.format(text=text)}\n---\n# Title\n\nBody\n")
    world.write("b.md", id="A-2", dependencies="[A-1]")
    settle(world)
    assert len(world.column("SELECT path FROM files WHERE state = 'story'")) == 2


@pytest.mark.parametrize(
    "body",
    [
        "# {text}: Title",
        "# A-1: {text}",
        "# Story {text}: x",
        "- [ ] {text}",
        "- [x] T001 {text}",
        "- [ ] {text}: x",
        "### Story {text}: Title\n\n**Status:** todo\n\n### Story 2: x\n",
        "### Story 1: {text}\n\n**Status:** todo\n\n### Story 1: {text}\n\n**Status:** todo\n",
        "As a {text}, I want {text}, so that {text}.",
        "**Depends on:** {text}",
        "**Status:** {text}",
        "## Dependencies\n\n- [x]({text}.md)\n- {text}\n- Story {text}\n",
        "| ID | {text} |\n|---|---|",
    ],
)
@pytest.mark.parametrize("text", [LONG, WIDE], ids=["long", "wide"])
def test_bodies_without_end(world, body: str, text: str) -> None:  # type: ignore[no-untyped-def]
    for name in ("a.md", "one/tasks.md", "epics.md"):
        world.write(name, text=f"# List\n\n**Status:** todo\n\n{body.format(text=text)}\n")
    settle(world)


def test_a_path_as_long_as_a_system_allows(world) -> None:  # type: ignore[no-untyped-def]
    steps = [LONG[200 * depth : 200 * (depth + 1)] for depth in range(18)]
    for depth in (5, 7, 13, 17):
        world.write(f"{'/'.join(steps[:depth])}/{LONG[:200]}.md", id=f"A-{depth}", status="todo")
    world.write(
        f"{'é' * 100}/{WIDE[:60]}.md", id="B-1", dependencies=f"['[x](../{steps[0]}/{steps[1]}/a.md)']"
    )
    world.write("b.md", id="B-2", status="todo")
    deep = world.write(f"{'/'.join(steps[:6])}/b.md", id="B-3", dependencies=f"['[x]({WIDE[:400]}.md)']")
    settle(world)
    assert set(world.column("SELECT id FROM stories")) == {"A-5", "B-1", "B-2", "B-3"}
    folder = "/".join(steps[:7])
    assert world.rows("SELECT path, severity FROM problems WHERE code = 'path-too-long'") == [
        {"path": folder, "severity": "error"}
    ]
    deep.parent.rename(deep.parent.with_name("short"))
    settle(world)
    assert {"B-3", "A-7"} <= set(world.column("SELECT id FROM stories"))


def test_a_look_at_a_path_that_is_too_long_tells_as_much_as_one_at_all(world) -> None:  # type: ignore[no-untyped-def]
    steps = [LONG[200 * depth : 200 * (depth + 1)] for depth in range(9)]
    world.write("b.md", id="B-1", status="todo")
    world.sync()
    path = f"{'/'.join(steps)}/a.md"
    world.write(path, id="A-1", status="todo")
    world.sync(path)
    assert world.codes("/".join(steps[:7])) == ["path-too-long"]
    world.must_equal()
    world.root().joinpath(path).unlink()
    world.sync(path)
    world.must_equal()


def test_second_sources_without_end(world) -> None:  # type: ignore[no-untyped-def]
    world.write("1-2-a.md", text="# Story 1.2: A\n\nStatus: todo\n")
    world.write(
        "sprint-status.yaml",
        text="development_status:\n"
        + "".join(f"  {name}: done\n" for name in (LONG[:900], WIDE[:1000], WIDE[:190]))
        + f"  1-2-{LONG[:100]}: {LONG}\n",
    )
    settle(world)


def test_numbers_of_the_settings_stay_as_they_are(world) -> None:  # type: ignore[no-untyped-def]
    world.reading = ReadingSettings(estimates={"XL": 1e22, "L": 8.0, "M": 1e-9, "S": 0.1, "é": -0.0})
    world.write("a.md", id="A-1", status="todo", estimate="XL")
    settle(world)


def test_names_of_files_are_compared_as_bytes(world) -> None:  # type: ignore[no-untyped-def]
    for name in (
        "a.md",
        "A.md",
        "é.md",
        "Z.md",
        "z.md",
        "_x.md",
        "a b.md",
        "a%b.md",
        "a_b.md",
        "a'b.md",
        "a?b.md",
        "10.md",
        "9.md",
    ):
        world.write(name, id=f"N-{len(name.encode())}{ord(name[0])}", status="todo")
    settle(world)
    paths = world.column("SELECT path FROM stories ORDER BY path")
    assert paths == sorted(paths)
    assert world.column("SELECT path FROM stories WHERE path = 'a%b.md'") == ["a%b.md"]
