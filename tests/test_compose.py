"""compose.yaml, the Dockerfile and .env.example fit together, as far as no engine is needed to tell."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from storysync.settings_load import load_settings

ROOT = Path(__file__).resolve().parents[1]
OURS = ("migrate", "storysync")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def specification() -> jsonschema.Draft202012Validator:
    """The public schema of compose files, as check-jsonschema carries it."""
    folder = files("check_jsonschema") / "builtin_schemas" / "vendor"
    return jsonschema.Draft202012Validator(json.loads((folder / "compose-spec.json").read_text("utf-8")))


def test_compose_file_fits_the_public_schema(
    compose: dict[str, Any], specification: jsonschema.Draft202012Validator
) -> None:
    assert [error.message for error in specification.iter_errors(compose)] == []
    wrong = {**compose, "services": {"database": {"image": "postgres:18", "volums": []}}}
    assert not specification.is_valid(wrong)


def test_stories_are_mounted_read_only_and_must_be_named(compose: dict[str, Any]) -> None:
    (stories,) = [v for v in compose["services"]["storysync"]["volumes"] if isinstance(v, dict)]
    assert stories["type"] == "bind" and stories["read_only"] is True
    assert stories["source"].startswith("${STORIES_DIR:?")
    assert stories["target"] == "/stories"
    assert 'CMD ["run", "/stories"]' in instructions()


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_change_nothing_but_their_state(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged") and "user" not in service  # the image's own, which is not root
    writable = [v for v in service.get("volumes", []) if isinstance(v, str)]
    assert all(volume.partition(":")[0] in compose["volumes"] for volume in writable)


def test_nothing_is_published(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if "ports" in service] == []
    text = (ROOT / "compose.yaml").read_text()
    assert re.findall(r'ports: \["(.*?):\$', text) == ["127.0.0.1"]


def test_daemon_waits_for_a_healthy_database_with_the_newest_schema(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["storysync"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }
    assert services["migrate"]["command"] == ["db", "upgrade"]
    assert services["migrate"]["restart"] == "no"  # else it never completes
    test = services["database"]["healthcheck"]["test"]
    assert "pg_isready" in test and "--host=127.0.0.1" in test  # not the server that sets the volume up


def test_volume_lies_where_postgresql_18_keeps_its_data(compose: dict[str, Any]) -> None:
    database = compose["services"]["database"]
    assert database["image"] == "postgres:${POSTGRES_VERSION:-18}"
    assert "database:/var/lib/postgresql" in database["volumes"]
    assert "./docker/initdb:/docker-entrypoint-initdb.d:ro" in database["volumes"]


def test_every_script_can_be_run() -> None:
    """One without the bit would be read into the image's own shell, and could end it."""
    for script in [*(ROOT / "docker" / "initdb").iterdir(), ROOT / "docker" / "storysync"]:
        assert os.access(script, os.X_OK), script.name


def test_no_password_stands_in_the_file_and_each_secret_reaches_its_reader(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        environment = service.get("environment", {})
        named = {v.removeprefix("/run/secrets/") for k, v in environment.items() if k.endswith("_FILE")}
        assert named == set(service["secrets"]), name
        assert [k for k in environment if "PASSWORD" in k and not k.endswith("_FILE")] == []
        assert not re.search(r"://[^@\s]*:[^@\s]*@", str(environment.values()))
    assert set(compose["secrets"]) == set(compose["services"]["database"]["secrets"])
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", "secrets/"} <= set(ignored)


def test_variables_are_those_of_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z_0-9]+)", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#?([A-Z][A-Z_0-9]+)=", example, re.M)) == used


@pytest.mark.parametrize("name", OURS)
def test_settings_are_settings(compose: dict[str, Any], name: str, tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    values = {
        key: shlex.split(value)[0] for key, value in re.findall(r"^#?([A-Z_0-9]+)=(.+)$", example, re.M)
    }
    environment = {
        key: re.sub(r"\$\{(\w+)(:-[^}]*)?\}", lambda found: values[found[1]], text)
        for key, text in compose["services"][name]["environment"].items()
    }
    settings = load_settings(tmp_path, environment, system_file=tmp_path / "none").settings
    assert settings.database.url == environment["STORYSYNC_DATABASE__URL"]
    assert settings.database.auto_migrate is (name == "migrate")
    if name == "storysync":
        assert [project.path for project in settings.projects] == ["/stories"]


def instructions() -> list[str]:
    """Of the Dockerfile, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def copied() -> list[tuple[str, str]]:
    """(path in the checkout, destination) of every COPY from the context."""
    commands = [line.split()[1:] for line in instructions() if line.startswith("COPY ")]
    return [(source, words[-1]) for words in commands if "--from=build" not in words for source in words[:-1]]


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert {source.removeprefix("./") for source, _ in copied()} == allowed
    for source, _ in copied():
        assert (ROOT / source).exists(), source
        assert not any(fnmatch(source, rule.removeprefix("**/")) for rule in rules[1:] if rule[0] != "!")


def test_image_runs_as_a_user_who_is_not_root() -> None:
    (user,) = [line for line in instructions() if line.startswith("USER ")]
    assert user == "USER ${UID}:${GID}"
    assert "ARG UID=10001" in instructions()


def launcher(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run docker/storysync with a stand-in for the program, which shows what it was given."""
    program = folder / "program"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "${PGPASSWORD-none}" "$@"\n')
    program.chmod(0o755)
    script = (ROOT / "docker" / "storysync").read_text().replace("/opt/venv/bin/storysync", str(program))
    command = ["/bin/sh", "-c", script, "storysync", "run", "/a b"]
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True
    )


def test_launcher_takes_the_password_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("it's $HOME `x`\n")
    assert launcher(tmp_path, PGPASSWORD_FILE=str(secret)).stdout == "it's $HOME `x`\nrun\n/a b\n"
    assert launcher(tmp_path).stdout == "none\nrun\n/a b\n"


def test_launcher_names_a_password_file_that_cannot_be_read(tmp_path: Path) -> None:
    done = launcher(tmp_path, PGPASSWORD_FILE=str(tmp_path / "none"))
    assert done.returncode == 2 and done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith("storysync: error: cannot read the password file ") and second.startswith(
        "hint: "
    )


@pytest.mark.long
def test_steps_of_the_build_make_a_program_that_syncs(tmp_path: Path) -> None:
    """The Dockerfile's COPY and RUN of its first stage, in a clean folder instead of an image."""
    source, venv, dist = tmp_path / "src", tmp_path / "venv", tmp_path / "dist"
    source.mkdir()
    stage = instructions()[: [line.startswith("FROM") for line in instructions()].index(True, 2)]
    leftovers = shutil.ignore_patterns("__pycache__")
    for path, destination in copied():
        if destination.startswith("./"):
            target = source / path
            copy = shutil.copy if (ROOT / path).is_file() else shutil.copytree
            copy(ROOT / path, target, **({} if copy is shutil.copy else {"ignore": leftovers}))
    for line in [line.removeprefix("RUN ") for line in stage if line.startswith("RUN ")]:
        command = line.replace("/opt/venv", str(venv)).replace("/dist", str(dist))
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        subprocess.run(["/bin/sh", "-c", command], cwd=source, env={**os.environ, "PATH": path}, check=True)
    assert not (venv / "bin" / "pip").exists()
    environment = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "STORYSYNC_STATE_DIR": str(tmp_path / "state"),
    }
    for arguments in (["--version"], ["sync", str(source / "sample_stories")], ["ready"], ["verify"]):
        run = [venv / "bin" / "storysync", *arguments]
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    subprocess.run([venv / "bin" / "python", "-c", "import psycopg"], check=True)
