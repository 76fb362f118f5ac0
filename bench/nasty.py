"""How long nasty files take to read: at most 50 ms of CPU up to 256 KB, and linear above.

    python bench/nasty.py [--corpus FOLDER] [--seed 1] [--mangled 2000]

Each shape is one small text repeated to 128 KB, 256 KB, 512 KB and 1 MB; `growth` is the time of 1 MB over
four times that of 256 KB (1 is linear). Then real files (of a folder, if one is named) and made-up ones are
truncated, flipped, stuffed and encoded anew, and the slowest is printed. Exits 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from storysync.core.reading import read
from storysync.settings import ReadingSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.story_texts import TEXTS

LIMIT_MS = 50.0
SIZES = (128, 256, 512, 1024)  # KB
SETTINGS = ReadingSettings()
HEAD = "---\nid: A-1\nstatus: todo\n---\n"

SHAPES: dict[str, tuple[str, str, str]] = {  # name -> before, repeated, behind
    "brackets": ("---\nid: A-1\nx: ", "[", "\n---\n"),
    "yaml lines": ("---\nid: A-1\n", "k%d: v\n", "---\n"),
    "yaml list": ("---\nid: A-1\nx:\n", "- a: [b, c]\n", "---\n"),
    "invalid yaml": ("---\nid: A-1\nx: @y\n", "k: 'a' b\n", "---\n"),
    "unclosed yaml": ("---\nid: A-1\n", "k: v\n", ""),
    "toml lines": ('+++\nid = "A-1"\n', 'k%d = "v"\n', "+++\n"),
    "toml array": ('+++\nid = "A-1"\nx = [\n', '"a", # b\n', "]\n+++\n"),
    "setext": (HEAD, "a\n==\n", ""),
    "thematic breaks": (HEAD, "---\n", ""),
    "emphasis": (HEAD, "*a _b **", ""),
    "backticks": (HEAD, "`a``b", ""),
    "fences": (HEAD, "```yaml\nid: A\n```\n", ""),
    "open fence": (HEAD, "```\na\n", ""),
    "quotes": (HEAD, "> > > a\n", ""),
    "deep quote": (HEAD, ">", "a\n"),
    "deep list": (HEAD, " - a", "\n"),
    "boxes": (HEAD, "- [ ] a (AC: 1)\n", ""),
    "nested boxes": (HEAD, "- [ ] a\n  - [x] b\n", ""),
    "headings": (HEAD, "## Dependencies\n", ""),
    "bold labels": ("# A-1: t\n", "**Status:** todo\n", ""),
    "packed labels": ("# A-1: t\n", "**A:** b | ", "\n"),
    "quoted labels": ("# A-1: t\n", "> **Status:** todo\n", ""),
    "bullet labels": ("# A-1: t\n", "- Status: `done`\n", ""),
    "table rows": ("# A-1: t\n", "| **Status** | Ready |\n", ""),
    "wide table": ("# A-1: t\n", "| a ", "\n"),
    "items": ("# Epics\n", "### Story 3.%d: T\n\n**Status:** done\n\n", ""),
    "spec-kit tasks": ("# Tasks: x\n", "- [ ] T%d [P] [US1] a (depends on T001)\n", ""),
    "references": (HEAD + "## Dependencies\n", "- Story 1.2 (x) and PAY-3, see [a](b.md)\n", ""),
    "ranges": (HEAD + "## Dependencies\n", "Stories 1-50, ", "\n"),
    "one line of ids": (HEAD + "## Dependencies\n", "A-1, ", "\n"),
    "links": (HEAD + "## Dependencies\n", "[a](", "\n"),
    "wikilinks": (HEAD + "## Dependencies\n", "[[a", "\n"),
    "parentheses": (HEAD + "## Dependencies\n- A-1 ", "(", "\n"),
    "comments": (HEAD, "<!-- a ", ""),
    "user stories": (HEAD, "As a b, I want c so that d\n", ""),
    "as a": (HEAD, "As a ", ""),
    "blanks": (HEAD, " ", "x\n"),
    "empty lines": (HEAD, "\n", "x\n"),
    "long word": (HEAD + "## Dependencies\n", "a", "\n"),
    "digits": (HEAD + "## Dependencies\n", "1.", "\n"),
    "dashes": (HEAD + "## Dependencies\n", "A-", "\n"),
    "korean": ("# Issue #003: x\n", "> 의존성: #001\n", ""),
    "carriage returns": (HEAD, "a\r\n", ""),
    "control characters": (HEAD, "\x01", "\n"),
    "conflict markers": (HEAD, "<<<<<<< a\n", ""),
}  # fmt: skip


def cost_ms(path: str, data: bytes) -> float:
    """CPU milliseconds of one reading, the better of two."""
    times = []
    for _ in range(2):
        began = time.process_time()
        read(path, data, SETTINGS)
        times.append(time.process_time() - began)
    return min(times) * 1000


def shaped(shape: tuple[str, str, str], kib: int) -> bytes:
    """A file of about `kib` KB."""
    before, repeated, behind = shape
    count = (kib * 1024 - len((before + behind).encode())) // len(repeated.encode())
    middle = "".join([repeated.replace("%d", str(i)) for i in range(count)])
    return (before + middle + behind).encode()


def mangle(data: bytes, dice: random.Random) -> bytes:
    """One to four kinds of damage."""
    for _ in range(dice.randrange(1, 5)):
        at = dice.randrange(len(data) + 1)
        kind = dice.randrange(6)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
        elif kind == 2:
            stuffing = dice.choice(list(SHAPES.values()))[1].encode()
            data = data[:at] + stuffing * dice.randrange(1, 2000) + data[at:]
        elif kind == 3:
            data = data[at:] + data[:at]
        elif kind == 4:
            data *= dice.randrange(2, 6)
        else:
            encoding = dice.choice(("utf-16", "latin-1", "utf-8-sig"))
            data = data.decode("utf-8", "replace").encode(encoding, "replace")
        data = data[: 256 * 1024]
    return data


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="a folder of real files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mangled", type=int, default=2000)
    given = parser.parse_args()
    failed = False
    print(f"{'shape':<22}" + "".join(f"{f'{kib} KB':>10}" for kib in SIZES) + "    growth")
    for name, shape in SHAPES.items():
        costs = [cost_ms("A-1.md", shaped(shape, kib)) for kib in SIZES]
        growth = costs[3] / max(costs[1] * 4, 0.001)
        slow = costs[1] > LIMIT_MS or (growth > 2 and costs[3] > LIMIT_MS)
        failed |= slow
        print(
            f"{name:<22}"
            + "".join(f"{ms:>7.1f} ms" for ms in costs)
            + f"{growth:>10.2f}{'  SLOW' if slow else ''}"
        )
    files = [(path, text.encode()) for path, text in TEXTS.items()]
    if given.corpus:
        files += [
            (str(p.relative_to(given.corpus)), p.read_bytes())
            for p in sorted(given.corpus.rglob("*.md"))
            if p.is_file()
        ]
    dice = random.Random(given.seed)
    worst: list[tuple[float, str, int, bytes]] = []
    for _ in range(given.mangled):
        path, data = dice.choice(files)
        data = mangle(data, dice)
        worst.append((cost_ms(path, data), path, len(data), data))
        worst = sorted(worst, key=lambda one: -one[0])[:3]
    for ms, path, size, _ in worst:
        print(f"mangled: {ms:.1f} ms for {size // 1024} KB, made of {path}")
    failed |= worst[0][0] > LIMIT_MS
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
