"""What installing and removing the service would do, step by step."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from storysync.errors import UsageError
from storysync.jobs import service
from storysync.jobs.service import Place, Remove, Run, Step, Wishes, Write
from storysync.settings_load import load_settings

PROGRAM = Path("/opt/storysync/bin/storysync")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """The machine's, below a folder of the test."""
    units, state = tmp_path / "etc/systemd/system", tmp_path / "var/lib/storysync"
    settings, sysusers = tmp_path / "etc/storysync/storysync.toml", tmp_path / "etc/sysusers.d/storysync.conf"
    return Place(False, units, settings, state, sysusers)


def carried_out(steps: list[Step]) -> list[str]:
    """What was needed, by name of the file or words of the command; commands are not run."""
    told = []
    for step in steps:
        if not step.needed:
            continue
        if isinstance(step, Run):
            told.append(" ".join(step.command))
        else:
            step.carry_out()
            told.append(f"{type(step).__name__} {step.path.name}")
    return told


def wishes(tmp_path: Path, **more: object) -> Wishes:
    return replace(Wishes(PROGRAM, (tmp_path,)), **more)  # type: ignore[arg-type]


def test_first_installation(place: Place, tmp_path: Path) -> None:
    told = carried_out(list(service.installation(place, wishes(tmp_path))))
    assert told == [
        "Write storysync.conf", f"systemd-sysusers {place.sysusers}", "Write storysync.toml",
        "Write storysync.service", "systemctl daemon-reload", "systemctl enable storysync.service",
        "systemctl restart storysync.service",
    ]  # fmt: skip
    unit = place.unit.read_text()
    assert f"ExecStart={PROGRAM} run\n" in unit and f"ExecReload={PROGRAM} reload\n" in unit
    assert "/usr/local" not in unit


def test_second_installation_writes_nothing_and_restarts_nothing(place: Place, tmp_path: Path) -> None:
    carried_out(list(service.installation(place, wishes(tmp_path))))
    told = carried_out(list(service.installation(place, wishes(tmp_path))))
    assert told == [
        f"systemd-sysusers {place.sysusers}", "systemctl daemon-reload",
        "systemctl enable storysync.service", "systemctl start storysync.service",
    ]  # fmt: skip


def test_another_program_restarts_it(place: Place, tmp_path: Path) -> None:
    carried_out(list(service.installation(place, wishes(tmp_path))))
    steps = list(service.installation(place, wishes(tmp_path, program=Path("/opt/new/bin/storysync"))))
    told = carried_out(steps)
    assert "Write storysync.service" in told and told[-1] == "systemctl restart storysync.service"


def test_settings_that_are_there_stay(place: Place, tmp_path: Path) -> None:
    place.settings.parent.mkdir(parents=True)
    place.settings.write_text("# mine\n")
    carried_out(list(service.installation(place, wishes(tmp_path))))
    assert place.settings.read_text() == "# mine\n"


def test_new_settings_hold_what_was_named(place: Place, tmp_path: Path) -> None:
    root = tmp_path / 'a "story" folder'
    carried_out(list(service.installation(place, wishes(tmp_path, roots=(root, tmp_path)))))
    settings = load_settings(tmp_path, {}, config=place.settings, system_file=tmp_path / "none").settings
    assert [project.path for project in settings.projects] == [str(root), str(tmp_path)]
    assert settings.database.url == f"sqlite:///{place.state}/storysync.db"
    assert settings.database.group_readable
    assert "systemctl reload storysync" in place.settings.read_text()


def test_without_settings_a_folder_must_be_named(place: Place) -> None:
    with pytest.raises(UsageError, match="no folder of stories was named"):
        list(service.installation(place, Wishes(PROGRAM)))


def test_each_wish_is_a_drop_in(place: Place, tmp_path: Path) -> None:
    every = wishes(
        tmp_path, network=True, stories_group="writers", backups=Path("/mnt/backup"),
        credentials=Path("/etc/secret"), start=False,
    )  # fmt: skip
    told = carried_out(list(service.installation(place, every)))
    assert told[-1] == "systemctl enable storysync.service"
    text = {path.name: path.read_text() for path in place.drop_ins.iterdir()}
    assert sorted(text) == [
        "backups-elsewhere.conf", "credentials.conf", "network.conf", "stories-group.conf",
    ]  # fmt: skip
    assert "SupplementaryGroups=writers\n" in text["stories-group.conf"]
    assert "ReadWritePaths=/mnt/backup\n" in text["backups-elsewhere.conf"]
    assert "BACKUP__DIRECTORY=/mnt/backup\n" in text["backups-elsewhere.conf"]
    assert "LoadCredential=database-url:/etc/secret\n" in text["credentials.conf"]
    assert "PrivateNetwork=no\n" in text["network.conf"]


@pytest.mark.parametrize("path", ["/mnt/my backups", "/mnt/a\nExecStart=/bin/sh", '/mnt/"'])
def test_a_path_that_would_change_the_unit_is_refused(place: Place, tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="cannot stand in a unit file"):
        list(service.installation(place, wishes(tmp_path, backups=Path(path))))
    assert not place.unit.exists()


def test_a_percent_sign_is_no_specifier(place: Place, tmp_path: Path) -> None:
    carried_out(list(service.installation(place, wishes(tmp_path, backups=Path("/mnt/100%")))))
    assert "ReadWritePaths=/mnt/100%%\n" in (place.drop_ins / "backups-elsewhere.conf").read_text()


def test_removal_takes_its_own_files_and_nothing_else(place: Place, tmp_path: Path) -> None:
    carried_out(list(service.installation(place, wishes(tmp_path, network=True))))
    (place.drop_ins / "override.conf").write_text("[Service]\n")
    told = carried_out(list(service.removal(place)))
    assert told[0] == "systemctl disable --now storysync.service" and told[-1] == "systemctl daemon-reload"
    assert not place.unit.exists() and place.settings.exists()
    assert [path.name for path in place.drop_ins.iterdir()] == ["override.conf"]
    assert carried_out(list(service.removal(place))) == []


def test_removal_takes_an_empty_folder_too(place: Place, tmp_path: Path) -> None:
    carried_out(list(service.installation(place, wishes(tmp_path, network=True))))
    assert "Remove storysync.service.d" in carried_out(list(service.removal(place)))
    assert not place.drop_ins.exists()


def test_the_place_of_a_user_follows_xdg(tmp_path: Path) -> None:
    given = service.user_place({"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "relative"}, tmp_path)
    assert given.unit == Path("/c/systemd/user/storysync.service")
    assert given.settings == Path("/c/storysync/config.toml")
    assert given.state == tmp_path / ".local/state/storysync"
    steps = list(service.installation(given, Wishes(PROGRAM, (tmp_path,))))
    commands = [step.command[:2] for step in steps if isinstance(step, Run)]
    assert commands == [("systemctl", "--user")] * 3


def test_settings_of_a_user_leave_the_database_where_it_is(tmp_path: Path) -> None:
    text = service.settings_text(service.user_place({}, tmp_path), [tmp_path])
    assert tomllib.loads(text) == {"projects": [{"path": str(tmp_path)}]}


def test_a_program_that_others_cannot_run_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    program = closed / "storysync"
    program.touch(0o755)
    with pytest.raises(UsageError, match="may not run") as refused:
        service.refuse_closed_program(program)
    assert str(closed) in str(refused.value) or str(tmp_path) in str(refused.value)
    assert "/opt/storysync" in refused.value.hint


def test_steps_say_what_they_do() -> None:
    assert str(Write(Path("/a"), "")) == "write /a"
    assert str(Remove(Path("/a"))) == "remove /a"
    assert str(Run(("systemctl", "start", "x"))) == "run systemctl start x"
