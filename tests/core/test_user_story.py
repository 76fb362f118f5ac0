"""As a … I want … So that …, in its spellings."""

from __future__ import annotations

import pytest

from storysync.core.body import parse_body

THREE = ("rider", "to lock the bike", "nobody takes it")


def told(text: str) -> tuple[str | None, str | None, str | None]:
    body = parse_body(text, 1, "a.md")
    return body.user_role, body.user_want, body.user_benefit


@pytest.mark.parametrize(
    "text",
    [
        "**As a** rider,\n**I want** to lock the bike\n**So that** nobody takes it\n",
        "**As a** rider,  \n**I want** to lock the bike,  \n**so that** nobody takes it\n",
        "As a rider, I want to lock the bike so that nobody takes it",
        "As a rider,\nI want to lock\nthe bike\nso that nobody\ntakes it\n\nMore text.\n",
        "- **As a** rider\n- **I want** to lock the bike\n- **So that** nobody takes it\n- more\n",
        "> **As a** rider, **I want** to lock the bike, **so that** nobody takes it\n",
        "> As a rider,\n> I want to lock the bike\n> so that nobody takes it\n\nText\n",
        "**As a** rider\n\n**I want** to lock the bike\n\n**So that** nobody takes it\n\n## Next\n",
        "As a **rider**, I want **to lock the bike** so that **nobody takes it**",
        "*As a* rider *I want* to lock the bike *so that* nobody takes it",
        "**As a:** rider\n**I want:** to lock the bike\n**So that:** nobody takes it\n",
        "## User Story\n\nAs a rider I want to lock the bike so that nobody takes it\n## Tasks\n\n- x\n",
        "**As the** rider,\n**I want** to lock the bike,\n**So that** nobody takes it\n",
        "AS THE rider I WANT to lock the bike SO THAT nobody takes it",
    ],
)
def test_spellings(text: str) -> None:
    assert told(text) == THREE


def test_as_an_and_i_need_and_no_benefit() -> None:
    assert told("As an auditor, I need the log.\n\nText so that no benefit is found.") == (
        "auditor",
        "the log.",
        None,
    )


def test_story_section_beats_an_earlier_mention() -> None:
    text = "As a cook, I want tea.\n\n## Story\n\n"
    text += "**As a** rider\n**I want** to lock the bike\n**So that** nobody takes it"
    assert told(text) == THREE


@pytest.mark.parametrize(
    "text",
    [
        "As a result, the parser stops.\n",
        "```\nAs a rider, I want code so that it is none\n```\n",
        "As a rider\n\n## Other\n\nI want nothing\n",
        "He came as a rider, I want to say.",
        "As a rider\n\nMuch text between.\n\nI want to lock it.\n",
        "",
    ],
)
def test_other_sentences_are_none(text: str) -> None:
    assert told(text) == (None, None, None)


def test_code_in_a_value_is_kept() -> None:
    assert told("As a dev, I want `__init__` and *args so that `a*b` works")[1] == "`__init__` and *args"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "**Como** jardineiro da horta\n**Quero** regar os canteiros\n**Para** colher tomates\n",
            ("jardineiro da horta", "regar os canteiros", "colher tomates"),
        ),
        (
            "- Como um jardineiro, quero regar para viver melhor.\n",
            ("jardineiro", "regar para viver melhor.", None),
        ),
        ("Como jardineiro, eu quero regar, para que nada seque", ("jardineiro", "regar", "nada seque")),
        (
            "En tant qu'utilisateur du jardin,\nje veux arroser les lits,\nafin de récolter.\n",
            ("utilisateur du jardin", "arroser les lits", "récolter."),
        ),
        ("En tant que jardinier, je souhaite arroser", ("jardinier", "arroser", None)),
        ("作为园丁，我希望浇水，以便收获番茄。", ("园丁", "浇水", "收获番茄")),
        ("Als tuinier wil ik water geven zodat alles groeit", ("tuinier", "water geven", "alles groeit")),
        ("Als Gärtnerin möchte ich gießen, damit alles wächst", ("Gärtnerin", "gießen", "alles wächst")),
    ],
)
def test_other_languages(text: str, parts: tuple[str | None, str | None, str | None]) -> None:
    assert told(f"# T\n\n{text}\n") == parts


def test_a_label_of_the_section_may_stand_before_the_sentence() -> None:
    sentence = "As a rider, I want to lock the bike so that nobody takes it\n"
    assert told(f"As a guest, I want tea\n\n- **Overview**: {sentence}") == THREE
    assert told("- **Risk**: As a rider, I want to lock the bike so that nobody takes it\n") == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize("text", ["Como funciona: bem\n\nquero\n", "Als Text", "```\nAs a x I want y\n```\n"])
def test_sentences_that_are_none(text: str) -> None:
    assert told(text) == (None, None, None)
