"""`storysync check`: options, exit codes and formats."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pysarif
import pytest
from sarif_pydantic import Sarif

from storysync.cli import check_sarif
from storysync.core.problems import CODES

Run = Callable[..., Any]

STORY = "---\nid: A-1\ntitle: Rent\nstatus: {}\n---\n\n# Rent\n"
ERROR = "---\nid: A-1\nowner: @ana\nstatus: todo\n---\n# Rent\n"


@pytest.fixture
def faulty(here: Path) -> Path:
    """A folder `p` with an error, a warning and an info, each in a file of its own."""
    folder = here / "p"
    folder.mkdir()
    (folder / "A-1.md").write_text(ERROR)
    (folder / "A-2.md").write_text(STORY.replace("A-1", "A-2").format("simmering"))
    (folder / "A-3.md").write_text(STORY.replace("A-1", "A-3").format("todo").rstrip("\n"))
    return folder


def codes(run: Run, *arguments: str) -> set[str]:
    outcome = run("check", "p", "--json", *arguments)
    assert outcome.code in (0, 1), outcome.err
    return {one["code"] for one in outcome.data["data"]["findings"]}


ALL = {"front-matter-invalid", "unknown-status", "no-final-newline"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 1),
        (["--ignore", "front-matter-invalid"], 0),
        (["--ignore", "front-matter-invalid", "--strict"], 1),
        (["--ignore", "front-matter-invalid,unknown-status", "--strict"], 0),
        (["--select", "no-final-newline", "--fail-on", "warning"], 0),
        (["--select", "no-final-newline", "--fail-on", "info"], 1),
        (["--fail-on", "never"], 0),
    ],
)
def test_the_exit_code_is_that_of_what_is_reported(
    run: Run, faulty: Path, options: list[str], code: int
) -> None:
    for form in ("text", "json", "sarif", "github"):
        assert run("check", "p", "--format", form, *options).code == code


def test_codes_are_selected_and_ignored(run: Run, faulty: Path) -> None:
    assert codes(run) == ALL
    assert codes(run, "--select", "unknown-*", "--select", "no-final-newline") == ALL - {
        "front-matter-invalid"
    }
    assert codes(run, "--ignore", "unknown-status,no-final-newline") == {"front-matter-invalid"}
    assert codes(run, "--select", "unknown-status", "--ignore", "unknown-*") == set()


def test_settings_choose_and_options_win(run: Run, faulty: Path, here: Path) -> None:
    (here / "storysync.toml").write_text('[check]\nselect = ["unknown-*"]\nfail_on = "warning"\n')
    assert codes(run) == {"unknown-status"}
    assert run("check", "p").code == 1
    assert run("check", "p", "--fail-on", "error").code == 0
    assert codes(run, "--select", "no-final-newline") == {"no-final-newline"}
    shown = run("config", "show", "--origin").out
    assert 'check.select = ["unknown-*"]' in shown and 'check.fail_on = "warning"' in shown
    assert "check.ignore = []  # default" in shown


def test_an_unknown_code_is_refused_with_a_near_one(run: Run, faulty: Path, here: Path) -> None:
    run("check", "p", "--select", "unknow-status").failed(2, "'unknow-status'", "unknown-status")
    run("check", "p", "--ignore", "q-*").failed(2, "no code fits 'q-*'", "docs/problems.md")
    (here / "storysync.toml").write_text('[check]\nignore = ["selfreference"]\n')
    run("check", "p").failed(2, "setting `check.ignore` in ", "storysync.toml:2", "self-reference")
    (here / "storysync.toml").write_text('[check]\nfail_on = "fatal"\n')
    run("check", "p").failed(2, "`check.fail_on`", "never")


def test_options_that_say_two_things_are_refused(run: Run, faulty: Path) -> None:
    run("check", "p", "--strict", "--fail-on", "error").failed(2, "--strict and --fail-on")
    run("check", "p", "--json", "--format", "sarif").failed(2, "--json and --format sarif")
    assert run("check", "p", "--json", "--format", "json").code == 1
    run("check", "nowhere").failed(2, "nowhere")


def test_text_is_one_finding_a_line_with_a_summary(run: Run, faulty: Path) -> None:
    lines = run("check", "p").out.splitlines()
    assert lines[0].startswith("p/A-1.md:3:8: error front-matter-invalid ")
    assert lines[1].startswith("  hint: ")
    assert lines[-1] == "3 files, 3 stories: 1 error, 1 warning, 1 info"


def test_given_files_alone_are_read(run: Run, faulty: Path) -> None:
    (faulty / "README.md").write_text("# Read me\n")
    outcome = run("check", "p/A-2.md", "p/A-3.md", "p/README.md")
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "2 files, 2 stories (1 skipped): 0 errors, 1 warning, 1 info"
    assert outcome.out.startswith("p/A-2.md:4:9: warning unknown-status ")


def test_files_and_folders_may_be_named_together(run: Run, faulty: Path, here: Path) -> None:
    (here / "B-1.md").write_text(STORY.replace("A-1", "B-1").format("brewing"))
    found = run("check", "p", "B-1.md", "p/A-2.md", "--json").data["data"]
    assert found["files"] == 4
    assert sorted(one["path"] for one in found["findings"]) == ["A-1.md", "A-2.md", "A-3.md", "B-1.md"]


def test_colours_are_for_terminals_only(faulty: Path) -> None:
    assert "\x1b" not in at_terminal(faulty, NO_COLOR="1")
    assert "\x1b[31merror\x1b[0m front-matter-invalid" in at_terminal(faulty)


def at_terminal(folder: Path, **variables: str) -> str:
    """What a check of the folder prints when stdout is a terminal."""
    main, end = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    command = [sys.executable, "-m", "storysync", "check", str(folder)]
    subprocess.run(command, stdout=end, env={**environ, "TERM": "xterm", **variables}, check=False)
    os.close(end)
    printed = b""
    while part := _part(main):
        printed += part
    os.close(main)
    return printed.decode()


def _part(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # nothing is left, and nobody writes any more
        return b""


# -- what is kept for the next check ---------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_check_of_a_folder_is_kept_in_the_users_cache(run: Run, faulty: Path, cache: Path) -> None:
    first = run("check", "p")
    (file,) = (one for one in cache.rglob("*") if one.is_file())
    assert file.parent == cache / "storysync" / "check"
    assert run("check", "p") == first
    file.write_bytes(b"damaged")
    assert run("check", "p") == first == run("check", "p", "--no-cache")


def test_without_cache_and_of_files_nothing_is_kept(run: Run, faulty: Path, cache: Path) -> None:
    assert run("check", "p", "--no-cache").code == run("check", "p/A-1.md", "p/A-2.md").code == 1
    assert not cache.exists()


@pytest.mark.parametrize("home", ["relative", "/proc/nothing"])
def test_a_user_without_a_home_to_write_in_can_check(
    run: Run, faulty: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    expected = run("check", "p", "--no-cache")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the rules of XDG leave out
    monkeypatch.setenv("HOME", home)
    assert run("check", "p") == expected == run("check", "p")
    assert not (faulty.parent / "relative").exists()


def test_a_link_and_a_pipe_that_are_named_are_told(run: Run, faulty: Path) -> None:
    (faulty / "A-8.md").symlink_to("A-1.md")
    os.mkfifo(faulty / "A-9.md")
    outcome = run("check", "p/A-8.md", "p/A-9.md", "--json").data["data"]
    assert [one["code"] for one in outcome["findings"]] == ["not-a-regular-file"] * 2


# -- GitHub ----------------------------------------------------------------------------------------------


def test_github_gets_a_command_for_each_finding(run: Run, faulty: Path) -> None:
    lines = run("check", "p", "--format", "github").out.splitlines()
    assert [line.partition(" ")[0] for line in lines[:3]] == ["::error", "::warning", "::notice"]
    assert lines[0].startswith("::error file=p/A-1.md,line=3,col=8,title=front-matter-invalid::")
    assert lines[2].startswith("::notice file=p/A-3.md,title=no-final-newline::")  # no line: the whole file
    assert len(lines) == 4


def test_github_is_told_paths_from_the_top_of_the_repository(
    run: Run, faulty: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / ".git").mkdir()
    monkeypatch.chdir(faulty)
    assert "file=p/A-2.md," in run("check", "A-2.md", "--format", "github").out


def test_what_github_would_take_for_its_own_is_escaped(run: Run, here: Path) -> None:
    folder = here / "a,b%c"
    folder.mkdir()
    (folder / "A-1;x:y.md").write_text(STORY.format('"100%\\r\\n::error::x"'))
    line, _ = run("check", folder, "--select", "unknown-status", "--format", "github").out.splitlines()
    assert line.startswith("::warning file=a%2Cb%25c/A-1;x%3Ay.md,line=4,col=9,title=unknown-status::")
    assert "100%25" in line and "\r" not in line


# -- SARIF -----------------------------------------------------------------------------------------------


@pytest.fixture
def sarif(run: Run, faulty: Path, here: Path) -> Iterator[Any]:
    (here / ".git").mkdir()
    yield lambda *arguments: msgspec.json.decode(run("check", "--format", "sarif", *arguments).out)


def lost(given: Any, kept: Any, where: str = "") -> list[str]:
    """The properties and items of `given` that `kept` does not have."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [
            missing
            for name, value in given.items()
            for missing in (
                lost(value, kept[name], f"{where}.{name}") if name in kept else [f"{where}.{name}"]
            )
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [
            missing
            for index, (value, other) in enumerate(zip(given, kept, strict=True))
            for missing in lost(value, other, f"{where}[{index}]")
        ]
    return [] if given == kept else [f"{where}: {given!r} became {kept!r}"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_log_has_only_what_the_standard_knows(sarif: Any) -> None:
    """Two implementations of SARIF 2.1.0 read it; one is made from the schema and drops the rest."""
    given = sarif("p")
    del given["$schema"]  # which the one calls by another name
    assert lost(given, pysarif.save_to_dict(pysarif.load_from_dict(given))) == []
    strange = {**given, "runs": [{**given["runs"][0], "colour": "blue"}]}
    assert lost(strange, pysarif.save_to_dict(pysarif.load_from_dict(strange))) == [".runs[0].colour"]
    assert len(Sarif.model_validate(given).runs[0].results or []) == 3


def test_the_log_keeps_the_rules_of_the_standard(sarif: Any) -> None:
    given = sarif("p")
    assert given["version"] == "2.1.0" and given["$schema"].endswith("/sarif-schema-2.1.0.json")
    (one,) = given["runs"]
    assert one["columnKind"] == "unicodeCodePoints"
    rules = one["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in rules)
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        (location,) = result["locations"]
        region = location["physicalLocation"].get("region")
        assert region is None or min(region.values()) >= 1
    places = [result["locations"][0]["physicalLocation"] for result in one["results"]]
    assert places[0] == {
        "artifactLocation": {"uri": "p/A-1.md", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 3, "startColumn": 8},
    }
    assert "region" not in places[2]
    assert "SRCROOT" in one["originalUriBaseIds"]


def test_only_what_was_looked_for_is_a_rule(sarif: Any) -> None:
    (one,) = sarif("p", "--select", "unknown-*")["runs"]
    ids = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    assert ids == [code for code in CODES if code.startswith("unknown-")]
    assert [result["ruleIndex"] for result in one["results"]] == [ids.index("unknown-status")]


def test_paths_are_uris(sarif: Any, here: Path, tmp_path: Path) -> None:
    for place in (here / "q" / "a b#1%é:.md", tmp_path / "out side" / "A-1.md"):
        place.parent.mkdir()
        place.write_text(STORY.format("simmering"))
    (one,) = sarif("q", str(tmp_path / "out side"), "--select", "unknown-status")["runs"]
    found = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in one["results"]]
    assert {"uri": "q/a%20b%231%25%C3%A9%3A.md", "uriBaseId": "SRCROOT"} in found
    assert {"uri": (tmp_path / "out side" / "A-1.md").resolve().as_uri()} in found


def fingerprints(log: Any) -> list[str]:
    return [one["partialFingerprints"][check_sarif.FINGERPRINT] for one in log["runs"][0]["results"]]


def test_fingerprints_stay_when_lines_move_and_differ_between_findings(sarif: Any, faulty: Path) -> None:
    file = faulty / "B-1.md"
    twice = "id: B-1\nstatus: todo\ndependencies: [Q-1, Q-1, Q-2]\nstatus: done\n"
    file.write_text(f"---\n{twice}---\n# A-1: Rent\n\n**Status:** review\n")
    before = fingerprints(sarif("p"))
    assert len(before) == len(set(before)) >= 6
    file.write_text(f"---\nowner: Ana\nlabels: []\n{twice}---\n\n\n# A-1: Rent\n\n**Status:** review\n")
    assert fingerprints(sarif("p")) == before
    file.write_text(file.read_text().replace("Q-2", "Q-3"))
    assert len(set(fingerprints(sarif("p"))) & set(before)) == len(before) - 1


def test_rules_lead_to_their_help_when_the_package_names_its_repository(
    sarif: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_sarif, "_repository", lambda: "https://example.org/storysync")
    driver = sarif("p")["runs"][0]["tool"]["driver"]
    assert driver["informationUri"] == "https://example.org/storysync"
    assert driver["rules"][0]["helpUri"].endswith("/docs/problems.md#unreadable-file")
