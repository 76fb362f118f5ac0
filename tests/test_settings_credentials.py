"""The database URL in a credential of systemd."""

from __future__ import annotations

from pathlib import Path

import pytest

from storysync.errors import SettingsError
from storysync.settings_load import load_settings

URL = "postgresql://stories:s3cret@db.example.org/stories"


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "database-url").write_text(URL + "\n")
    return folder


def url(cwd: Path, **environ: str) -> str | None:
    return load_settings(cwd, environ, system_file=cwd / "none").settings.database.url


def test_the_url_comes_from_the_file(tmp_path: Path, credentials: Path) -> None:
    loaded = load_settings(
        tmp_path, {"CREDENTIALS_DIRECTORY": str(credentials)}, system_file=tmp_path / "none"
    )
    assert loaded.settings.database.url == URL
    assert loaded.origin("database.url") == "the credential database-url"


def test_it_wins_over_other_programs_variable_and_over_files_but_not_over_ours(
    tmp_path: Path, credentials: Path
) -> None:
    (tmp_path / "storysync.toml").write_text('[database]\nurl = "sqlite:////file.db"\n')
    given = {"CREDENTIALS_DIRECTORY": str(credentials), "DATABASE_URL": "sqlite:////other.db"}
    assert url(tmp_path, **given) == URL
    assert url(tmp_path, **given, STORYSYNC_DATABASE__URL="sqlite:////ours.db") == "sqlite:////ours.db"


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_one_counts_as_none(tmp_path: Path, credentials: Path, text: str) -> None:
    (credentials / "database-url").write_text(text)
    assert url(tmp_path, CREDENTIALS_DIRECTORY=str(credentials)) is None


def test_without_the_file_or_the_folder_nothing_is_set(tmp_path: Path, credentials: Path) -> None:
    (credentials / "database-url").unlink()
    assert url(tmp_path, CREDENTIALS_DIRECTORY=str(credentials)) is None
    assert url(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path / "absent")) is None


def test_one_that_cannot_be_read_is_named(tmp_path: Path, credentials: Path) -> None:
    (credentials / "database-url").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="the credential database-url"):
        url(tmp_path, CREDENTIALS_DIRECTORY=str(credentials))


def test_a_mistake_in_it_does_not_show_the_password(tmp_path: Path, credentials: Path) -> None:
    (credentials / "database-url").write_text("host=db password=s3cret")
    with pytest.raises(SettingsError) as refused:
        url(tmp_path, CREDENTIALS_DIRECTORY=str(credentials))
    assert "s3cret" not in str(refused.value) + refused.value.hint
