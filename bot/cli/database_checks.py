"""The checks of `storyfork doctor` on the database: it answers, has our tables, and agrees on the time."""

import asyncio
from typing import Final

from bot.cli.checks import TIMEOUT_SECONDS, Check, Installation, State, not_running
from bot.stack import postgres
from db.errors import Outage
from db.faults import translated
from db.inspection import Inspection, inspect
from db.migrate import MigrationError, pending
from db.schemas import load_schemas
from db.switches import MAINTENANCE, commands_off

SKEW_SECONDS: Final = 5.0
"""Times that people see are the database's; larger differences come from a clock that nobody sets."""


async def check_database(around: Installation) -> list[Check]:
    """PostgreSQL answers and has all migrations, or the embedded server is installed."""
    url = around.database_url or (around.running.database_url if around.running else "")
    if not url:
        what = f"embedded PostgreSQL {postgres.POSTGRES_VERSION}"
        return [await not_running("database", postgres.binary_dir, what)]
    where = "DATABASE_URL" if around.database_url else "embedded PostgreSQL, running"
    schemas = await asyncio.to_thread(load_schemas)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            with translated():
                missing = (await pending(url, schemas.specs)).names
            found = await inspect(url)
    except TimeoutError:
        advice = "Is the server running, and reachable from here?"
        return [Check("database", State.FAIL, f"{where}: no answer", advice)]
    except MigrationError as error:
        return [Check("database", State.FAIL, f"{where}: {error}", "Run the release that fits the database.")]
    except (Outage, ValueError) as error:
        return [Check("database", State.FAIL, f"{where}: {error}", "Check DATABASE_URL and the server.")]
    if missing:
        detail = f"{where}: missing migrations: {len(missing)} (the newest applied: {found.schema or 'none'})"
        database = Check("database", State.WARN, detail, "Run `storyfork migrate`.")
    else:
        database = Check("database", State.OK, f"{where}: reachable, all migrations applied, up to {found.schema}")
    return [database, _vectors(found), *_clock(found), *_switches(found)]


def _vectors(found: Inspection) -> Check:
    if found.pgvector:
        return Check("pgvector", State.OK, f"{found.pgvector}: the archive may be searched by vectors")
    detail = "not on this server: the archive is searched by words alone, and a backup with vectors cannot be restored"
    return Check("pgvector", State.WARN, detail, "Install pgvector 0.7 or newer on the server, if you want vectors.")


def _switches(found: Inspection) -> list[Check]:
    """Return what the operators have switched off, so that nobody takes it for a fault."""
    checks: list[Check] = []
    message = found.switches.get(MAINTENANCE)
    if message is not None:
        detail = f"on: nothing new is taken{f' ({message})' if message else ''}"
        checks.append(Check("maintenance", State.WARN, detail, "`/operator maintenance off` ends it."))
    if off := sorted(commands_off(found.switches)):
        detail = f"switched off: {', '.join(off)}"
        checks.append(Check("commands", State.WARN, detail, "`/operator switch` switches them on again."))
    return checks


def _clock(found: Inspection) -> list[Check]:
    if abs(found.ahead_s) < SKEW_SECONDS:
        return []
    way = "ahead of" if found.ahead_s > 0 else "behind"
    detail = f"the database's clock is {abs(found.ahead_s):.0f} s {way} this machine's"
    return [Check("clocks", State.WARN, detail, "Set both by NTP (timedatectl set-ntp true), then restart.")]
