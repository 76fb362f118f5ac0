"""The health checks of one database: what it says of itself, and what its rows say.

Those of rows are functions of one look at it (`health_look.Seen`) and of the time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from storysync.errors import SchemaAhead, SchemaBehind
from storysync.jobs.health_bounds import told
from storysync.jobs.health_report import Finding, amount, spell, worst
from storysync.store.revisions import HEAD, REVISIONS

if TYPE_CHECKING:
    from storysync.jobs.health_look import Root, Seen
    from storysync.settings import HealthSettings
    from storysync.store.database import Database

MOST_UNMERGED_MB = 64
"""Above this a reader holds the log of SQLite; it is cut to this size when none does."""
WRITE_WAIT_S = 2.0
SKEW = timedelta(minutes=1)
"""So far the clocks of machines that share a database may be apart."""
UNREADABLE: Finding = ("warn", "unknown: the database cannot be asked")
NO_PROJECT: Finding = ("warn", "there is no project yet; run `storysync sync PATH`")
_MANY_FAILURES = 3


def database(one: Database, refusal: Exception | None) -> Finding:
    """Whether it opens and can be written; `refusal` is what a look at its rows has met."""
    one.revision()
    if refusal is not None and not isinstance(refusal, SchemaBehind | SchemaAhead):
        return "fail", told(refusal)
    serious, obstacle = one.write_obstacle(WRITE_WAIT_S)
    if obstacle:
        return ("fail" if serious else "warn"), f"it opens, but it cannot be written: {obstacle}"
    remark = one.remark()
    return "ok", "it opens, and can be written" + (f" ({remark})" if remark else "")


def migrations(one: Database) -> Finding:
    found = one.revision()
    if found == HEAD:
        return "ok", f"the schema is {HEAD}, the newest"
    if found is None:
        return "fail", "it has no schema; run `storysync sync PATH`"
    if found in REVISIONS:
        return "fail", f"the schema is {found}, behind {HEAD}; run `storysync db upgrade`"
    return "fail", f"the schema is {found}, ahead of {HEAD}; upgrade storysync"


def wal(one: Database) -> Finding:
    unmerged_mb = one.unmerged_bytes() / (1 << 20)
    if unmerged_mb > MOST_UNMERGED_MB:
        return "warn", (
            f"{unmerged_mb:.0f} MB wait to be merged into its file:"
            " a program has kept it open for reading since long ago; end that"
        )
    return "ok", f"{unmerged_mb:.0f} MB wait to be merged into its file"


def integrity(seen: Seen, health: HealthSettings, at: datetime) -> Finding:
    run = seen.jobs.get("integrity")
    if run is None:
        return (
            "warn",
            f"not looked through for damage yet; a daemon does so each {health.integrity_hours:g} h",
        )
    if run.state != "good":
        return "fail", f"{run.message or 'the last look did not end well'}; run `storysync doctor`"
    age = at - run.finished_at
    if age > timedelta(hours=2 * health.integrity_hours):
        return "warn", f"last looked through for damage {spell(age)} ago; is the daemon running?"
    return "ok", f"no damage found {spell(age)} ago"


def sync(root: Root, health: HealthSettings, at: datetime) -> Finding:
    if root.state == "lost":
        return "fail", "the folder of the project is not there; its rows are kept until it is back"
    if root.scanned_at is None:
        return "warn", "the first full scan is not finished"
    age = at - root.scanned_at
    if age > timedelta(minutes=health.max_sync_age_minutes):
        return "fail", f"the last full scan is {spell(age)} old; run `storysync sync`"
    if root.state == "degraded":
        return "warn", f"the last full scan is {spell(age)} old; changes are found by polling only"
    return "ok", f"the last full scan is {spell(age)} old"


def files(seen: Seen) -> Finding:
    if seen.broken:
        return "warn", f"{amount(seen.broken, 'broken file')}; see `storysync check`"
    return "ok", "every file can be read"


def clock(seen: Seen, at: datetime) -> Finding:
    """Something written in the future: the clock was set back since, and ages are too small."""
    ahead = {name: moment - at for name, moment in seen.lasts.items() if moment - at > SKEW}
    if not ahead:
        return "ok", "nothing was written in the future"
    name = max(ahead, key=ahead.__getitem__)
    lead = spell(ahead[name])
    return "warn", f"{name} lies {lead} in the future: the clock was set back; set it right, or wait {lead}"


def incidents(seen: Seen) -> Finding:
    if not seen.incidents:
        return "ok", "none is open"
    last = seen.incidents[-1]
    many = f"{len(seen.incidents)} open, the last: " if len(seen.incidents) > 1 else ""
    if any(one.kind == "damaged" for one in seen.incidents):
        return "fail", f"{many}{last.message} ({last.kind}); run `storysync doctor`"
    return "warn", f"{many}{last.message} ({last.kind}); read it, then `storysync doctor --acknowledge`"


def jobs(seen: Seen) -> Finding:
    """What periodic work has not ended well; from the third time in a row on it fails."""
    bad: list[Finding] = [
        (
            "fail" if run.failures >= _MANY_FAILURES else "warn",
            f"{run.name} {'was too late' if run.state == 'late' else 'failed'}"
            f" {amount(run.failures, 'time')} in a row{f': {run.message}' if run.message else ''}",
        )
        for run in sorted(seen.jobs.values(), key=lambda run: run.name)
        if run.state != "good"
    ]
    return worst(bad) if bad else ("ok", "no job has failed")
