"""The wheel carries what the program needs besides its code, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CARRIED = ("alembic", "sample_stories", "systemd")


def files_below(folder: Path) -> set[str]:
    """Relative paths of a checkout's folder, without compiled leftovers."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found}


def test_folders_to_carry_are_named_and_there() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {folder: f"storysync/_data/{folder}" for folder in CARRIED}
    for folder in CARRIED:
        assert files_below(ROOT / folder), folder


@pytest.mark.long
def test_wheel_holds_code_and_data_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for folder in CARRIED:
        prefix = f"storysync/_data/{folder}/"
        carried = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        assert carried == files_below(ROOT / folder)
    assert "storysync/py.typed" in names
    strangers = [name for name in names if name.partition("/")[0].split("-")[0] != "storysync"]
    assert strangers == []
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []
