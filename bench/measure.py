"""Runs commands and says what they cost. CPU time counts: wall time on a shared machine is weather."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What one run of a command took. `peak_mib` is its largest resident size, or ours if that is larger."""

    cpu_s: float
    wall_s: float
    peak_mib: float


@dataclass(frozen=True)
class Contestant:
    """A command to measure; `prepare` is called before each run and not measured."""

    name: str
    command: Sequence[str]
    prepare: Callable[[], None] = lambda: None


def clean_environment(home: Path) -> dict[str, str]:
    """The environment of all children: nothing of the caller's settings, a home of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "NO_COLOR": "1"}


def run(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run to the end. Raises RuntimeError with the output when the command fails."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            output.seek(0)
            raise RuntimeError(
                f"{' '.join(command)} gave {child.returncode}: {output.read().decode()[-2000:]}"
            )
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def compare(
    contestants: Sequence[Contestant], repeat: int, environment: Mapping[str, str]
) -> dict[str, Cost]:
    """The median cost of each, run in turn `repeat` times so that all meet the same weather."""
    costs: dict[str, list[Cost]] = {one.name: [] for one in contestants}
    for _ in range(repeat):
        for one in contestants:
            one.prepare()
            costs[one.name].append(run(one.command, environment))
    return {name: median(runs) for name, runs in costs.items()}


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.cpu_s for cost in costs),
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.peak_mib for cost in costs),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def cpu_of(pid: int) -> float:
    """CPU seconds that a running process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


def remove_database(path: Path) -> None:
    """The database with everything that lies beside it under its name."""
    for file in path.parent.glob(path.name + "*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
