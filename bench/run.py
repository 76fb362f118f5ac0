"""Speed and memory of storysync, as ratios to the yardstick measured in the same minutes: `make bench`.

    python bench/run.py [--count 10000] [--repeat 5] [--renames 40] [--large] [--only PART …]

Prints each figure beside its goal and writes `bench/out/latest.json`; `bench/README.md` explains them.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import generate
import live
from measure import Contestant, Cost, clean_environment, compare, remove_database
from postgres import postgresql

HERE = Path(__file__).resolve().parent
STORYSYNC = str(Path(sys.executable).with_name("storysync"))
YARDSTICK = [sys.executable, str(HERE / "by_hand.py")]
SCAN = (
    "import os, sys\n"
    "def walk(folder):\n"
    "    with os.scandir(folder) as entries:\n"
    "        for entry in entries:\n"
    "            if entry.is_dir(follow_symlinks=False): walk(entry.path)\n"
    "            else: entry.stat(follow_symlinks=False)\n"
    "walk(sys.argv[1])\n"
)


@dataclass(frozen=True)
class Figure:
    """One measured number; `goal` is the largest that is good enough, None when there is none."""

    name: str
    value: float
    unit: str
    goal: float | None
    detail: str

    def line(self) -> str:
        verdict = "" if self.goal is None else "ok" if self.value <= self.goal else "SHORT"
        goal = "" if self.goal is None else f"<= {self.goal:g} {self.unit}"
        return f"{self.name:<46} {self.value:>8.2f} {self.unit:<3} {goal:<12} {verdict:<6} {self.detail}"


@dataclass
class Bench:
    """One run of everything: where its files lie, how much of it, and what came out."""

    work: Path
    count: int
    repeat: int
    renames: int
    large: bool
    figures: list[Figure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment = clean_environment(self.work)

    def note(self, name: str, value: float, unit: str, goal: float | None, detail: str = "") -> None:
        figure = Figure(name, value, unit, goal, detail)
        self.figures.append(figure)
        print(figure.line(), flush=True)

    def corpus(self, count: int) -> Path:
        """A folder with `count` stories, written once."""
        folder = self.work / f"stories-{count}"
        if not folder.exists():
            written = generate.write(folder, count)
            print("# " + ", ".join(f"{number} {name}" for name, number in written.items()), flush=True)
        return folder

    def database(self, name: str) -> Path:
        return self.work / f"{name}.db"

    def sync(self, name: str, folder: Path, *, cold: bool) -> Contestant:
        database = self.database(name)
        command = [STORYSYNC, "sync", str(folder), "--database", f"sqlite:///{database}"]
        return Contestant(name, command, (lambda: remove_database(database)) if cold else lambda: None)

    def by_hand(self, name: str, folder: Path, *, cold: bool) -> Contestant:
        database = self.database(name)
        command = [*YARDSTICK, str(database), str(folder), *([] if cold else ["--incremental"])]
        return Contestant(name, command, (lambda: remove_database(database)) if cold else lambda: None)

    def costs(self, *contestants: Contestant) -> dict[str, Cost]:
        return compare(contestants, self.repeat, self.environment)


def start_up(bench: Bench) -> None:
    """`--help` against the bare interpreter, and the time until `list` has printed."""
    bench.corpus(bench.count)
    asked = bench.sync("cold", bench.corpus(bench.count), cold=False)
    compare([asked], 1, bench.environment)
    database = f"sqlite:///{bench.database('cold')}"
    found = bench.costs(
        Contestant("bare", [sys.executable, "-c", "pass"]),
        Contestant("help", [STORYSYNC, "--help"]),
        Contestant("list", [STORYSYNC, "list", "--limit", "50", "--database", database]),
    )
    ratio = found["help"].cpu_s / found["bare"].cpu_s
    bench.note("--help / bare interpreter", ratio, "x", 6, f"{found['help'].cpu_s * 1000:.0f} ms CPU")
    detail = f"{found['list'].cpu_s * 1000:.0f} ms CPU"
    bench.note("list, until it has printed", found["list"].wall_s * 1000, "ms", 150, detail)


def cold_sync(bench: Bench) -> None:
    """A first sync into a new database."""
    folder = bench.corpus(bench.count)
    found = bench.costs(bench.by_hand("hand", folder, cold=True), bench.sync("cold", folder, cold=True))
    ours, theirs = found["cold"], found["hand"]
    detail = f"{ours.cpu_s:.2f} s to {theirs.cpu_s:.2f} s CPU, {ours.wall_s:.2f} s wall"
    bench.note(f"cold sync of {bench.count} / by hand", ours.cpu_s / theirs.cpu_s, "x", 0.6, detail)
    bench.note(f"peak memory of a cold sync of {bench.count}", ours.peak_mib, "MiB", 200)


def check(bench: Bench) -> None:
    """`check` of a thousand files, the whole command: anew, again, and again after one was edited."""
    folder = bench.corpus(1000)
    command = [STORYSYNC, "check", str(folder), "--fail-on", "never"]
    hand, again = bench.by_hand("hand", folder, cold=True), Contestant("again", command)
    time.sleep(2.1)  # a file so young is read again by every check
    compare([again], 1, bench.environment)
    found = bench.costs(hand, Contestant("anew", [*command, "--no-cache"]), again)
    _against_hand(bench, found, "anew", "check 1,000 files, --no-cache", None)
    _against_hand(bench, found, "again", "check 1,000 files, nothing changed", 1.0)
    file = min(folder.rglob("*.md"))
    original = file.read_text()
    edits = iter(range(1_000_000))

    def edit() -> None:
        file.write_text(original + f"\nEdited {next(edits)} times.\n")

    found = bench.costs(hand, Contestant("edited", command, edit))
    file.write_text(original)
    _against_hand(bench, found, "edited", "check 1,000 files, one changed", 1.0)


def _against_hand(bench: Bench, found: dict[str, Cost], name: str, told: str, goal: float | None) -> None:
    ours, theirs = found[name], found["hand"]
    detail = f"{ours.cpu_s:.2f} s to {theirs.cpu_s:.2f} s CPU, {ours.wall_s:.2f} s wall"
    bench.note(f"{told} / by hand", ours.cpu_s / theirs.cpu_s, "x", goal, detail)


def growth(bench: Bench) -> None:
    """Cold syncs of ten times as many stories; 1 is linear. Start-up is taken off."""
    counts = [bench.count // 10, bench.count, *([bench.count * 10] if bench.large else [])]
    one = bench.corpus(1)
    contestants = [bench.sync(f"grow-{count}", bench.corpus(count), cold=True) for count in counts]
    found = bench.costs(bench.sync("grow-1", one, cold=True), *contestants)
    start = found["grow-1"].cpu_s
    first = (found[f"grow-{counts[0]}"].cpu_s - start) / counts[0]
    for count in counts[1:]:
        cost = found[f"grow-{count}"]
        each = (cost.cpu_s - start) / count
        detail = f"{first * 1e6:.0f} to {each * 1e6:.0f} µs a story"
        bench.note(f"growth {counts[0]} to {count} / linear", each / first, "x", 1.15, detail)
        if count > bench.count:
            bench.note(f"peak memory of a cold sync of {count}", cost.peak_mib, "MiB", 200)


def nothing_changed(bench: Bench) -> None:
    """A sync that finds everything as it was, beyond what the same command takes for one story."""
    folder, one = bench.corpus(bench.count), bench.corpus(1)
    for contestant in (bench.sync("same", folder, cold=True), bench.sync("same-1", one, cold=True),
                       bench.by_hand("hand-same", folder, cold=True),
                       bench.by_hand("hand-same-1", one, cold=True)):  # fmt: skip
        compare([contestant], 1, bench.environment)
    found = bench.costs(
        bench.sync("same", folder, cold=False), bench.sync("same-1", one, cold=False),
        bench.by_hand("hand-same", folder, cold=False), bench.by_hand("hand-same-1", one, cold=False),
        Contestant("scan", [sys.executable, "-c", SCAN, str(folder)]),
        Contestant("bare", [sys.executable, "-c", "pass"]),
    )  # fmt: skip
    cpu = {name: cost.cpu_s for name, cost in found.items()}
    ours, theirs = cpu["same"] - cpu["same-1"], cpu["hand-same"] - cpu["hand-same-1"]
    scan = cpu["scan"] - cpu["bare"]
    detail = f"{ours * 1000:.0f} ms to {theirs * 1000:.0f} ms CPU"
    bench.note("nothing changed, beyond start-up / by hand", ours / theirs, "x", 0.6, detail)
    bench.note(
        "nothing changed, beyond start-up / bare scan", ours / scan, "x", 2, f"scan {scan * 1000:.0f} ms"
    )
    whole = f"{cpu['same'] * 1000:.0f} ms to {cpu['hand-same'] * 1000:.0f} ms CPU"
    bench.note("nothing changed, whole command / by hand", cpu["same"] / cpu["hand-same"], "x", None, whole)


def one_file(bench: Bench) -> None:
    """A sync after one file was edited."""
    folder = bench.corpus(bench.count)
    file = min(folder.rglob("*.md"))
    original = file.read_text()
    edits = iter(range(1_000_000))

    def edit() -> None:
        file.write_text(original + f"\nEdited {next(edits)} times.\n")

    def edited(contestant: Contestant) -> Contestant:
        return Contestant(contestant.name, contestant.command, edit)

    cold = (bench.sync("one", folder, cold=True), bench.by_hand("hand-one", folder, cold=True))
    compare(cold, 1, bench.environment)
    found = bench.costs(
        edited(bench.sync("one", folder, cold=False)), edited(bench.by_hand("hand-one", folder, cold=False))
    )
    file.write_text(original)
    ours, theirs = found["one"].cpu_s, found["hand-one"].cpu_s
    detail = f"{ours * 1000:.0f} ms to {theirs * 1000:.0f} ms CPU"
    bench.note("one file changed, whole command / by hand", ours / theirs, "x", None, detail)


def watching(bench: Bench) -> None:
    """The daemon: idle memory, and how soon a rename shows in another process."""
    folder, database = bench.corpus(bench.count), bench.database("live")
    remove_database(database)
    command = [STORYSYNC, "run", str(folder), "--database", f"sqlite:///{database}"]
    found = live.measure(command, bench.environment, folder, database, bench.count, bench.renames)
    bench.note(f"idle memory of the daemon at {bench.count}", found.idle_mib, "MiB", 80)
    bench.note("rename until visible, p50", found.p50_ms, "ms", 25, f"{bench.renames} renames")
    bench.note("rename until visible, p95", found.p95_ms, "ms", 60)
    bench.note("CPU of the daemon a rename", found.cpu_ms_per_change, "ms", 10)


PARTS: dict[str, Callable[[Bench], None]] = {
    "start-up": start_up, "cold": cold_sync, "nothing-changed": nothing_changed, "one-file": one_file,
    "check": check,
    "watching": watching, "growth": growth, "postgresql": postgresql,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure storysync against a script written by hand.")
    parser.add_argument("--count", type=int, default=10_000, help="stories (default 10000)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each command; the median counts")
    parser.add_argument("--renames", type=int, default=40, help="files renamed under the daemon")
    parser.add_argument("--large", action="store_true", help="growth up to ten times --count as well")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="some parts only")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="storysync-bench-") as folder:
        bench = Bench(Path(folder), asked.count, asked.repeat, asked.renames, asked.large)
        print(f"# Python {platform.python_version()}, {asked.count} stories, median of {asked.repeat} runs")
        for part in asked.only:
            PARTS[part](bench)
    out = HERE / "out" / "latest.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps([asdict(figure) for figure in bench.figures], indent=1) + "\n")
    print(f"# written to {out}")


if __name__ == "__main__":
    main()
