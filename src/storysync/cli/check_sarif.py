"""Findings as a SARIF 2.1.0 log (OASIS standard), which code scanning and editors read.

Section numbers below are those of the standard.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from storysync import __version__
from storysync.cli.check_formats import below
from storysync.core.problems import CODES
from storysync.jobs.findings import Finding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
BASE = "SRCROOT"
FINGERPRINT = "storysyncFinding/v1"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_AT_LINE = re.compile(r"\b(lines?) \d+(?::\d+)?")


def log(findings: Sequence[Finding], wanted: Collection[str], base: Path) -> dict[str, Any]:
    """The log file object (3.13) with one run. `wanted` are the codes that were looked for: its rules."""
    repository = _repository()
    codes = [code for code in CODES if code in wanted]
    driver: dict[str, Any] = {
        "name": "storysync",
        "version": __version__,
        "rules": [_rule(code, repository) for code in codes],
    }
    if repository:
        driver["informationUri"] = repository
    numbers = {code: number for number, code in enumerate(codes)}
    seen: Counter[str] = Counter()
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {BASE: {"description": {"text": "The top folder of the repository."}}},
        "results": [_result(one, numbers[one.code], base, seen) for one in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str, repository: str | None) -> dict[str, Any]:
    """The reporting descriptor (3.49) of a code."""
    code = CODES[name]
    remedy = f"{code.remedy[0].upper()}{code.remedy[1:]}."
    rule: dict[str, Any] = {
        "id": name,
        "shortDescription": {"text": code.summary},
        "fullDescription": {"text": f"{code.summary} {remedy}"},
        "help": {"text": remedy},
        "defaultConfiguration": {"level": _LEVELS[code.severity]},
    }
    if repository:
        rule["helpUri"] = f"{repository}/blob/main/docs/problems.md#{name}"
    return rule


def _result(one: Finding, rule: int, base: Path, seen: Counter[str]) -> dict[str, Any]:
    """The result (3.27) of a finding."""
    path = below(base, one.place)
    artifact = {"uri": one.place.as_uri()} if path is None else {"uri": quote(path), "uriBaseId": BASE}
    physical: dict[str, Any] = {"artifactLocation": artifact}
    if one.line:
        physical["region"] = {"startLine": one.line, "startColumn": max(one.col, 1)}
    return {
        "ruleId": one.code,
        "ruleIndex": rule,
        "level": _LEVELS[one.severity],
        "message": {"text": f"{one.message}\n{one.hint}" if one.hint else one.message},
        "locations": [{"physicalLocation": physical}],
        "partialFingerprints": {FINGERPRINT: _fingerprint(one, path or one.place.as_posix(), seen)},
    }


def _fingerprint(one: Finding, path: str, seen: Counter[str]) -> str:
    """Of its words, and which of equal ones it is: the same when lines are put in before it."""
    words = "\0".join((one.code, path, _AT_LINE.sub(r"\1", one.message)))
    seen[words] += 1
    return hashlib.sha256(f"{words}\0{seen[words]}".encode()).hexdigest()[:32]


def _repository() -> str | None:
    """The URL of the project's repository, as its package says; None when it does not."""
    try:
        urls = metadata("storysync").get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    named = dict(entry.split(", ", 1) for entry in urls if ", " in entry)
    found = named.get("Repository")
    return found.rstrip("/") if found else None
