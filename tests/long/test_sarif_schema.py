"""The SARIF log against the public JSON schema, which the npm package @microsoft/jest-sarif carries."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
NPM = shutil.which("npm")

pytestmark = [pytest.mark.long, pytest.mark.skipif(NPM is None, reason="npm is needed to get the schema")]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run(
        [str(NPM), "pack", "--silent", "@microsoft/jest-sarif@1.0.0-beta.0"], cwd=folder, check=True
    )
    (package,) = folder.glob("*.tgz")
    with tarfile.open(package) as archive:
        member = archive.extractfile("package/lib/schemas/sarif-2.1.0-rtm.5.json")
        assert member is not None
        return json.load(member)


def test_the_log_of_the_samples_is_valid(schema: Any) -> None:
    command = [sys.executable, "-m", "storysync", "check", "sample_stories/velo", "--format", "sarif"]
    done = subprocess.run(
        [*command, "--fail-on", "never"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    log = json.loads(done.stdout)
    assert log["runs"][0]["results"]
    jsonschema.Draft4Validator(schema).validate(log)
    log["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate(log)
