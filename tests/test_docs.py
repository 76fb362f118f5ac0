"""Pages say what is so: schema, problems, commands, settings, and links between pages."""

from __future__ import annotations

import ast
import re
import typing
from pathlib import Path

import msgspec
import pytest

from storysync.app import App
from storysync.core.problems import CODES
from storysync.settings import Settings
from support import pages

ROOT = Path(__file__).resolve().parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_schema_page_is_the_real_schema() -> None:
    page = text("docs/schema.md")
    assert pages.schema_page(page) == page, "run `make docs` and say what the new columns are"
    assert pages.MISSING not in page


def test_problems_page_lists_every_code() -> None:
    assert pages.problems_page() == text("docs/problems.md"), "run `make docs`"


def test_every_problem_code_says_what_to_do() -> None:
    for name, code in CODES.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), name
        assert code.severity in ("error", "warning", "info")
        assert code.summary.endswith(".") and code.summary[0].isupper(), name
        assert not code.remedy.endswith(".") and code.remedy[0].islower(), name


def setting_keys(struct: type[msgspec.Struct], prefix: str = "") -> list[str]:
    """Dotted keys of all settings; entries of a list are written `projects[].path`."""
    keys = []
    for field in msgspec.structs.fields(struct):
        key = f"{prefix}{field.name}"
        inner = inner_struct(field.type)
        if inner is None:
            keys.append(key)
        else:
            many = typing.get_origin(field.type) is tuple
            keys += setting_keys(inner, f"{key}[]." if many else f"{key}.")
    return keys


def inner_struct(kind: object) -> type[msgspec.Struct] | None:
    for candidate in (kind, *typing.get_args(kind)):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


def test_every_setting_is_documented() -> None:
    documented = set(re.findall(r"`([^`\s]+)`", text("docs/settings.md")))
    shared = {key for key in documented if key.startswith("reading.")}
    for key in setting_keys(Settings):
        own = key.removeprefix("projects[].")  # a project's own `reading` is explained with the shared one
        assert key in documented or own in documented or own in shared, f"docs/settings.md lacks `{key}`"


def test_every_command_is_documented() -> None:
    from storysync.cli.table import COMMANDS

    page = text("docs/commands.md")
    for name in COMMANDS:
        assert f"\n## storysync {name}\n" in page, f"docs/commands.md lacks `## storysync {name}`"


PAGES = sorted(page for place in (".", "docs", "bench") for page in (ROOT / place).glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_readme_names_existing_make_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.M))
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", text("README.md"), re.M))
    assert named and named <= targets


def test_readme_queries_answer(samples: App) -> None:
    (block,) = re.findall(r"```sql\n(.*?)```", text("README.md"), re.S)
    queries = [query for query in block.split(";") if query.strip()]
    assert len(queries) >= 4
    with samples.reader() as reader:
        for query in queries:
            assert reader.rows(query), f"finds nothing in the sample stories: {query}"


def test_hints_are_written_in_one_style() -> None:
    """An imperative that begins in lower case and has no full stop, as in every `remedy`."""
    for file in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "hint" and isinstance(node.value, ast.Constant):
                hint = node.value.value
                assert not hint[:1].isupper() and not hint.endswith("."), f"{file.name}: {hint}"
