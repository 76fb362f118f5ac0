"""Write a folder of made-up story files, the same for the same arguments.

    python bench/generate.py FOLDER COUNT [--seed N] [--dangling SHARE]

Stories lie three folders deep, as in a repository that several teams plan in. About three of four depend on
earlier stories (so there is no cycle), mostly on recent ones, and a small share on ids that do not exist.
Size, number of front-matter keys, criteria and dependencies follow what was counted in public repositories;
`bench/README.md` has the figures.
"""

from __future__ import annotations

import argparse
import datetime
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PER_FOLDER = 50
FIRST_DAY = datetime.date(2025, 2, 3)

AREAS = {
    "CHK": "checkout", "CAT": "catalogue", "INV": "inventory", "SHP": "shipping", "RET": "returns",
    "ACC": "accounts", "PRC": "prices", "SRC": "finding", "MAI": "mailing", "WHS": "warehouse",
    "PAR": "partners", "PLA": "platform",
}  # fmt: skip
STATUSES = {
    "draft": 28, "ready": 19, "in_progress": 14, "in_review": 9, "blocked": 5, "done": 22, "cancelled": 3,
}  # fmt: skip
PRIORITIES = {"low": 22, "medium": 42, "high": 28, "critical": 8}
DEPENDENCIES = {0: 25, 1: 32, 2: 25, 3: 12, 4: 6}
POINTS = (1, 2, 3, 5, 8, 13)
PEOPLE = ("mira", "otto", "yusuf", "helena", "planning-bot")
TEAMS = ("shop-team", "stock-team", "parcel-team", "core-team", "unassigned")
ROLES = (
    "shop owner", "buyer in a hurry", "packer on the late shift", "member of support", "bookkeeper",
    "driver of the parcel van", "new colleague", "supplier", "auditor", "person on call",
)  # fmt: skip
ACTS = (
    "split", "merge", "show", "price", "reserve", "release", "count", "print", "scan", "cancel", "refund",
    "group", "translate", "import", "archive", "limit", "announce", "check", "route", "combine",
)  # fmt: skip
THINGS = (
    "shopping basket", "delivery note", "stock level", "voucher", "return label", "product page",
    "address book", "parcel", "price list", "supplier order", "picking list", "gift card", "size chart",
    "tax rate", "opening hour", "search term", "order history", "pallet", "customs form", "photo",
    "waiting list", "newsletter", "loyalty point", "payment reminder",
)  # fmt: skip
ENDINGS = (
    "before the summer sale", "for guests without an account", "in the second warehouse",
    "for all countries", "without a page reload", "with a reason that can be read", "on small screens",
    "when the network is gone", "for the pilot shops", "and undo it within a day",
)  # fmt: skip
LABELS = (
    "web", "mobile", "backend", "sale", "legal", "speed", "wording", "privacy", "experiment", "hardware",
    "money", "partner", "support", "design", "reporting", "safety", "import", "print", "mail", "debt",
)  # fmt: skip
SENTENCES = (
    "Support answers about forty questions a week on this, most of them on Monday mornings.",
    "The old page stays reachable for thirty days and says where the new one is.",
    "Numbers are kept as whole cents; nothing is rounded before the last step.",
    "When the carrier does not answer within four seconds we show the last known state and its age.",
    "Letters such as ą, ø, ß and 北 have to come back exactly as they were typed.",
    "The change is rolled out to *two* shops first, and to the rest a week later.",
    "Nobody may see another customer's data, also not by guessing a number in the address.",
    "Look at [decision %d](../../decisions/%03d.md) for what was tried before.",
    "A packer wears gloves: every button is at least a centimetre wide, `Enter` always means *go on*.",
    "Two people may do this at the same moment; the second one is told what the first one did.",
    "The nightly run takes eleven minutes today and must stay below twenty.",
    "Everything that costs money is written to the journal before it happens and after it has happened.",
    "Texts come from the wording table so that they can be changed without a release.",
)
CRITERIA = (
    "Given a {thing} that is open, when someone wants to {act} it, then it happens once and is confirmed",
    "A {thing} that does not exist any more is answered with a sentence, not with an error number",
    "To {act} a {thing} twice has the same effect as once",
    "The {thing} loads in less than {few} ms for {many} customers at once",
    "Every {act} is visible in the journal with time, person and reason",
    "A shop can turn this off, and the {thing} then behaves as before",
    "An interrupted {act} leaves the {thing} as it was",
    "The {thing} can be operated with the keyboard alone",
    "Old {thing} data is converted without a gap, checked against the count of the day before",
    "Figures of the {thing} agree with the bookkeeping to the cent",
)
CHECKS = (
    "Second pair of eyes on the code", "Tests for the cases above", "Tried with a screen reader",
    "Words agreed with support", "Page in the manual", "Alarm tried out once", "Shown to the pilot shops",
    "No new findings from the linters",
)  # fmt: skip
STAGES = ("Written down", "Estimated", "In work", "With the testers", "In the shops")
BLOCKS = (
    '```python\ndef total(lines: list[Line]) -> int:\n    """The sum in cents, with tax."""\n'
    "    return sum(line.amount * line.price for line in lines)\n```\n",
    '```json\n{"order": 4711, "lines": [{"sku": "A-17", "amount": 2}], "gift": false}\n```\n',
    "| state | who sees it | for how long |\n|---|---|---|\n| open | buyer | 30 days |\n"
    "| packed | buyer, packer | until it is sent |\n| sent | all | for ever |\n",
    "```text\nbuyer -> shop -> stock -> packer -> carrier -> buyer\n```\n",
)


class Made(NamedTuple):
    path: str  # relative to the folder, POSIX
    text: str
    id: str
    dependencies: int
    criteria: int


def pick(dice: random.Random, weights: dict[str, int]) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]


def sentences(dice: random.Random, least: int, most: int) -> str:
    chosen = [dice.choice(SENTENCES) for _ in range(dice.randint(least, most))]
    number = dice.randrange(1, 60)
    return " ".join(text % (number, number) if "%d" in text else text for text in chosen)


def prerequisites(dice: random.Random, earlier: list[str], dangling: float) -> list[str]:
    """Ids of earlier stories, four of five among the last 200; `dangling` of them exist nowhere."""
    count = int(pick(dice, {str(number): weight for number, weight in DEPENDENCIES.items()}))
    chosen: dict[str, None] = {}
    for _ in range(count if earlier else 0):
        recent = dice.random() < 0.8
        story_id = earlier[dice.randrange(max(0, len(earlier) - 200) if recent else 0, len(earlier))]
        if dice.random() < dangling:
            story_id = f"{dice.choice(list(AREAS))}-{800000 + dice.randrange(1000)}"
        chosen[story_id] = None
    return list(chosen)


def criteria(dice: random.Random, status: str) -> list[str]:
    share_done = {"done": 1.0, "in_progress": 0.4, "in_review": 0.4}.get(status, 0.05)
    lines = []
    for _ in range(dice.randint(8, 14)):
        text = dice.choice(CRITERIA).format(
            thing=dice.choice(THINGS), act=dice.choice(ACTS),
            few=dice.choice((80, 150, 400)), many=dice.choice((100, 1000, 5000)),
        )  # fmt: skip
        lines.append(f"- [{'x' if dice.random() < share_done else ' '}] {text}")
    return lines


def head(dice: random.Random, story_id: str, title: str, slug: str, area: str, status: str,
         needs: list[str]) -> list[str]:  # fmt: skip
    created = FIRST_DAY + datetime.timedelta(days=dice.randrange(400))
    updated = created + datetime.timedelta(days=dice.randrange(70))
    return [
        "---", f"id: {story_id}", f"title: {title}", f"branch_name: {story_id.lower()}-{slug}",
        f"epic: {area}", f"status: {status}", f"priority: {pick(dice, PRIORITIES)}",
        f'estimate: "{dice.choice(POINTS)}sp"', f"dependencies: [{', '.join(needs)}]",
        f"labels: [{', '.join(dice.sample(LABELS, dice.randint(2, 5)))}]", f"created: {created}",
        f"author: {dice.choice(PEOPLE)}", f"owner: {dice.choice(TEAMS)}", "market: null", "layer: null",
        f"last_updated: {updated}", "emit_metadata:", "  source_id: null", "  layer: null",
        "  input_path: null", "  notes: null", "---", "",
    ]  # fmt: skip


def body(dice: random.Random, story_id: str, title: str, act: str, thing: str, needs: list[str],
         status: str, points: list[str]) -> list[str]:  # fmt: skip
    finished = "x" if status == "done" else " "
    lines = [f"# {story_id}: {title}", "", "## User Story", "", f"**As a** {dice.choice(ROLES)},",
             f"**I want** to {act} the {thing},", f"**So that** {sentences(dice, 1, 1)}", ""]  # fmt: skip
    lines += ["## Background", "", sentences(dice, 3, 5), "", "## Acceptance Criteria", "", *points, ""]
    lines += ["## Technical Notes", "", sentences(dice, 3, 5), ""]
    lines += [f"- {sentences(dice, 1, 1)}" for _ in range(dice.randint(1, 4))]
    lines += ["", dice.choice(BLOCKS)] if dice.random() < 0.45 else [""]
    lines += ["## Definition of Done", ""]
    lines += [f"- [{finished}] {text}" for text in dice.sample(CHECKS, dice.randint(3, 6))]
    lines += ["", "## References", "", f"- [{thing}](../../manual/{thing.replace(' ', '-')}.md)"]
    lines += [f"- Depends on {need}" for need in needs]
    lines += ["", "## Lifecycle", ""]
    lines += [f"- [{'x' if stage == STAGES[0] else finished}] {stage}" for stage in STAGES]
    return [*lines, ""]


def stories(count: int, seed: int = 1, dangling: float = 0.01) -> Iterator[Made]:
    """`count` stories, in the order in which they would have been written."""
    dice = random.Random(f"{seed}/{count}")
    numbers = dict.fromkeys(AREAS, 0)
    earlier: list[str] = []
    for _ in range(count):
        prefix = dice.choice(list(AREAS))
        numbers[prefix] += 1
        story_id = f"{prefix}-{numbers[prefix]:03d}"
        act, thing = dice.choice(ACTS), dice.choice(THINGS)
        title = f"{act.capitalize()} the {thing} {dice.choice(ENDINGS)}"
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower())
        status = pick(dice, STATUSES)
        needs = prerequisites(dice, earlier, dangling)
        points = criteria(dice, status)
        lines = head(dice, story_id, title, slug, AREAS[prefix], status, needs)
        lines += body(dice, story_id, title, act, thing, needs, status, points)
        folder = f"{AREAS[prefix]}/part-{numbers[prefix] // PER_FOLDER:03d}"
        earlier.append(story_id)
        yield Made(
            f"{folder}/{story_id.lower()}-{slug}.md", "\n".join(lines), story_id, len(needs), len(points)
        )


def write(folder: Path, count: int, seed: int = 1, dangling: float = 0.01) -> dict[str, int]:
    """Write the stories below `folder`; gives what was written: files, bytes, dependencies, criteria."""
    written = {"files": 0, "bytes": 0, "dependencies": 0, "criteria": 0}
    for story in stories(count, seed, dangling):
        target = folder / story.path
        target.parent.mkdir(parents=True, exist_ok=True)
        data = story.text.encode()
        target.write_bytes(data)
        written["files"] += 1
        written["bytes"] += len(data)
        written["dependencies"] += story.dependencies
        written["criteria"] += story.criteria
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description="Write made-up story files.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dangling", type=float, default=0.01)
    asked = parser.parse_args()
    written = write(asked.folder, asked.count, asked.seed, asked.dangling)
    print(*(f"{name}={number}" for name, number in written.items()))


if __name__ == "__main__":
    main()
