"""`storysync service status`: what the service manager says, and what the daemon has left behind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storysync.cli import output
from storysync.errors import StorysyncError

if TYPE_CHECKING:
    from storysync.jobs.service import Place

NOT_RUNNING = 1


def show(place: Place, *, as_json: bool) -> int:
    """Prints it and returns the exit code. Raises NoServiceManager where there is no systemd."""
    from storysync.adapters import service_manager
    from storysync.jobs.service import UNIT

    service_manager.require_systemd()
    state = service_manager.unit_state(UNIT, user=place.user)
    record, obstacle = _record(place)
    found = {
        "unit": UNIT,
        "installed": state.get("LoadState") == "loaded",
        "state": state.get("ActiveState", "unknown"),
        "sub_state": state.get("SubState", ""),
        "enabled": state.get("UnitFileState", ""),
        "status": state.get("StatusText", ""),
        "pid": int(state.get("MainPID") or 0),
        "restarts": int(state.get("NRestarts") or 0),
        "result": state.get("Result", ""),
        "daemon": record,
        "obstacle": obstacle,
        "next_commands": _next(place, state, record),
    }
    if as_json:
        output.show_document("service-status", found, None)
    else:
        output.say("\n".join(_lines(place, found)))
    return 0 if found["state"] == "active" else NOT_RUNNING


def _lines(place: Place, found: Mapping[str, Any]) -> list[str]:
    if not found["installed"]:
        return ["storysync is not installed as a service", *_indented(found["next_commands"])]
    lines = [
        f"service    {found['state']} ({found['sub_state']}), {found['enabled'] or 'not enabled'}",
        f"status     {found['status'] or '-'}",
        f"restarts   {found['restarts']}",
    ]
    if found["result"] not in ("", "success"):
        lines.append(f"result     {found['result']}")
    if found["daemon"] is not None:
        told = found["daemon"]
        lines.append(f"daemon     {told['state']} since {told['at']}, version {told['version']}")
        lines.append(f"last error {output.clean(told['last_error']) if told['last_error'] else 'none'}")
    if found["obstacle"]:
        lines.append(f"last error unknown: {found['obstacle']}")
    return [*lines, f"settings   {place.settings}", *_indented(found["next_commands"])]


def _indented(commands: list[str]) -> list[str]:
    return ["next:", *(f"  {command}" for command in commands)]


def _record(place: Place) -> tuple[dict[str, Any] | None, str]:
    """What the daemon has written of itself, and why it cannot be read."""
    import msgspec

    from storysync import daemon_record
    from storysync.app import App

    try:
        base = App.load(Path("/"), _environment(place), config=_existing(place.settings)).databases.base
        if not os.access(base.parent, os.R_OK | os.X_OK) and base.parent.exists():
            return None, f"this user may not read {base.parent}"
        found = daemon_record.read(base)
    except StorysyncError as error:
        return None, str(error)
    return (None if found is None else msgspec.to_builtins(found)), ""


def _environment(place: Place) -> dict[str, str]:
    """As the service has it, as far as it decides where the database lies."""
    if place.user:
        return dict(os.environ)
    return {"STATE_DIRECTORY": str(place.state), "HOME": str(place.state)}


def _existing(settings: Path) -> Path | None:
    return settings if settings.exists() else None


def _next(place: Place, state: Mapping[str, str], record: Mapping[str, Any] | None) -> list[str]:
    kind = " --user" if place.user else " --system"
    config = f"storysync {{}} --config {place.settings}"
    if state.get("LoadState") != "loaded":
        return [f"storysync service install PATH{kind}"]
    if state.get("ActiveState") in ("active", "reloading"):
        return [config.format("health"), place.journal()]
    start = " ".join(place.systemctl("start", "storysync"))
    if state.get("ActiveState") == "failed":
        reset = " ".join(place.systemctl("reset-failed", "storysync"))
        return [f"{place.journal()} -n 50", config.format("doctor"), f"{reset} && {start}"]
    return [start]
