from __future__ import annotations

import msgspec

from storysync.core.resolution import Asked, Candidate, Verdict, join_ranges, resolve


def asked(
    target: str | None = "A-1", *, relation: str = "depends_on", path: str | None = None, owner: str = "x.md"
) -> Asked:
    return Asked(
        9,
        0,
        relation,
        target or "",
        1,
        1,
        "demo",
        target,
        target and target.lower(),
        path,
        "declared",
        "demo",
        owner,
    )


def holder(uid: int, story_id: str, *, scope: str = "", path: str = "", source: str = "id") -> Candidate:
    return Candidate(uid, "demo", path or f"{uid}.md", "", story_id, scope, source)


def verdict(question: Asked, *named: Candidate, known: bool = True) -> tuple[str, int | None, str | None]:
    answer = resolve(question, named, project_known=known)
    return answer.state, answer.target_uid, answer.match


def test_the_exact_spelling_is_found() -> None:
    assert verdict(asked(), holder(1, "A-1")) == ("resolved", 1, "exact")


def test_another_spelling_is_found_and_said_so() -> None:
    assert verdict(asked(), holder(1, "a-1")) == ("resolved", 1, "case")
    assert verdict(asked(), holder(1, "A-01")) == ("resolved", 1, "key")


def test_nothing_found_dangles() -> None:
    assert verdict(asked()) == ("dangling", None, None)


def test_a_contested_id_is_ambiguous_unless_one_is_spelled_exactly_so() -> None:
    assert verdict(asked(), holder(1, "A-1"), holder(2, "A-1"))[0] == "ambiguous"
    assert verdict(asked(), holder(1, "a-1"), holder(2, "A-1")) == ("resolved", 2, "exact")
    assert verdict(asked("A-1"), holder(1, "A-01"), holder(2, "A-001"))[0] == "ambiguous"


def test_candidates_of_an_ambiguous_reference_are_told() -> None:
    answer = resolve(asked(), [holder(1, "A-1"), holder(2, "A-1")], project_known=True)
    assert [one.uid for one in answer.candidates] == [1, 2]


def test_the_nearest_enclosing_scope_decides() -> None:
    near, far = holder(1, "A-1", scope="s/one"), holder(2, "A-1", scope="s/two")
    assert verdict(asked(owner="s/one/deep/x.md"), near, far) == ("resolved", 1, "ancestor")
    assert verdict(asked(owner="elsewhere/x.md"), near, far)[0] == "ambiguous"
    assert verdict(asked(owner="elsewhere/x.md"), near) == ("resolved", 1, "exact")


def test_a_scope_encloses_whole_folder_names_only() -> None:
    assert (
        verdict(asked(owner="s/one-more/x.md"), holder(1, "A-1", scope="s/one"), holder(2, "A-1", scope="q"))[
            0
        ]
        == "ambiguous"
    )


def test_a_loose_name_counts_only_within_the_scope_of_its_story() -> None:
    loose = holder(1, "TASK-001", scope="a/b", source="prefix")
    assert verdict(asked("1", owner="issues/x.md"), loose)[0] == "dangling"
    assert verdict(asked("1", owner="a/b/x.md"), loose) == ("resolved", 1, "prefix")


def test_a_linked_file_comes_before_ids() -> None:
    question = asked("A-1", path="docs/a.md")
    at_path = holder(3, "B-7", path="docs/a.md", source="path")
    assert verdict(question, holder(1, "A-1"), at_path) == ("resolved", 3, "path")
    assert verdict(question, holder(1, "A-1")) == ("resolved", 1, "exact")


def test_a_related_link_to_a_document_is_external_but_a_dependency_dangles() -> None:
    assert verdict(asked(None, relation="related", path="docs/adr.md"))[0] == "external"
    assert verdict(asked(None, relation="depends_on", path="docs/adr.md"))[0] == "dangling"


def test_a_file_stem_is_the_last_resort() -> None:
    stem = holder(4, "Z-1", source="stem")
    assert verdict(asked(), stem) == ("resolved", 4, "path")
    assert verdict(asked(), stem, holder(1, "A-1")) == ("resolved", 1, "exact")
    assert verdict(asked(), stem, holder(5, "Z-2", source="stem"))[0] == "ambiguous"


def test_a_reference_to_the_own_story_is_self() -> None:
    assert verdict(asked(), holder(9, "A-1")) == ("self", 9, "exact")


def test_a_project_that_is_not_here_is_external() -> None:
    assert verdict(asked(), holder(1, "A-1"), known=False) == ("external", None, None)


def test_inverse_relations_turn_the_ends_around() -> None:
    blocks = asked(relation="blocks")
    answer = resolve(blocks, [holder(1, "A-1")], project_known=True)
    assert answer.ends(blocks) == (1, 9)
    assert resolve(blocks, [], project_known=True).ends(blocks) == (None, 9)
    needs = asked()
    assert resolve(needs, [holder(1, "A-1")], project_known=True).ends(needs) == (9, 1)


def test_names_that_are_no_ids_count_in_their_order() -> None:
    others = [
        holder(uid, "Z-9", source=source) for uid, source in enumerate(("stem", "heading", "prefix"), 1)
    ]
    assert verdict(asked(), *others) == ("resolved", 3, "prefix")
    assert verdict(asked(), *others[:2]) == ("resolved", 2, "heading")
    assert verdict(asked(), *others, holder(4, "Y-1", source="alias")) == ("resolved", 4, "alias")
    assert verdict(asked(), *others, holder(9, "Y-1", source="alias")) == ("self", 9, "alias")


def test_two_that_fit_but_for_the_word_are_told() -> None:
    fitting = [holder(1, "TASK-1", source="prefix"), holder(2, "STORY-1", source="prefix")]
    answer = resolve(asked("1"), fitting, project_known=True)
    assert (answer.state, [one.uid for one in answer.candidates]) == ("ambiguous", [1, 2])


def test_copies_below_several_folders_are_told_apart_by_the_folder_that_asks() -> None:
    here, there = (holder(n, "A-1", path=f"{root}plan/a.md") for n, root in ((1, ""), (2, "old/copy/")))
    assert verdict(asked(owner="plan/x.md"), here, there) == ("resolved", 1, "ancestor")
    assert verdict(asked(owner="old/copy/plan/deep/x.md"), here, there) == ("resolved", 2, "ancestor")
    assert verdict(asked(owner="old/x.md"), here, there) == ("resolved", 1, "ancestor")
    other = holder(3, "A-1", path="old/copy/plan/b.md")
    assert verdict(asked(owner="plan/x.md"), here, other)[0] == "ambiguous"
    left, right = holder(4, "A-1", path="left/plan/a.md"), holder(5, "A-1", path="right/plan/a.md")
    assert verdict(asked(owner="plan/x.md"), left, right)[0] == "ambiguous"


def test_a_range_stands_or_falls_as_a_whole() -> None:
    members = [asked(f"A-{number}") for number in (1, 2)]
    members = [msgspec.structs.replace(one, raw="A-1 to A-2", in_range=True) for one in members]
    single = asked("A-1")
    there = Verdict("resolved", 1, "exact")
    verdicts = [there, there, there]
    assert join_ranges([*members, single], verdicts) == {}
    assert verdicts == [there, there, there]
    verdicts[1] = Verdict("ambiguous", None, None)
    assert join_ranges([*members, single], verdicts) == {0: ("A-2",)}
    assert [one.state for one in verdicts] == ["dangling", "dangling", "resolved"]
