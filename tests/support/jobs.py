"""A daemon whose periodic jobs are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.following import Following


class Jobs(Following):
    """A daemon with faults, and what it has noted of its jobs."""

    def __init__(self, root: Path, state: Path, rules: str = "", **environ: str) -> None:
        faulty = {"STORYSYNC_FAULTS": rules, "STORYSYNC_TESTING": "faults"} if rules else {}
        super().__init__([root], f"sqlite:///{state}/s.db", state, **faulty, **environ)

    def job(self, name: str) -> dict[str, Any]:
        found = self.rows(f"SELECT * FROM jobs WHERE name = '{name}'")
        return found[0] if found else {"state": None, "trigger": None, "failures": 0}

    def backups(self) -> list[Path]:
        found = (self.state / "backups").glob("storysync-*.json")
        return sorted(found, key=lambda file: (file.stem.partition("Z")[0], len(file.stem), file.stem))
