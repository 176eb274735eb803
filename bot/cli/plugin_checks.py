"""The check of `storyfork doctor` on installed packages: a broken plug-in is a warning, the service runs without it.

Imports what packages add to the bot and the database; worker plug-ins are loaded in a separate process.
"""

import asyncio
from importlib.metadata import entry_points

from bot.cli.checks import TIMEOUT_SECONDS, Check, Installation, State
from bot.cli.errors import OperatorError
from bot.platforms import registry as platforms
from bot.topics import load_topics
from db import privacy, work
from db.migrate import pending
from db.registry import Problem, package_of
from db.schemas import Schemas, load_schemas

NAME = "plug-ins"
GROUP_PREFIX = "storyfork."
ADVICE = "Storyfork runs without it: update the package, or uninstall it."


async def check_plugins(around: Installation) -> list[Check]:
    """One line per broken plug-in or leftover of a removed package; else one line with the installed packages."""
    schemas, packages, problems = await asyncio.gather(
        asyncio.to_thread(load_schemas), asyncio.to_thread(_installed), asyncio.to_thread(_load_here)
    )
    workers, tables = await asyncio.gather(_in_workers(around), _in_database(around, schemas))
    here = [Check(NAME, State.WARN, str(problem), ADVICE) for problem in (*schemas.problems, *problems)]
    return [*here, *workers, *tables] or [Check(NAME, State.OK, ", ".join(packages) or "none installed")]


def _load_here() -> list[Problem]:
    return [*load_topics().problems, *platforms.problems(), *work.problems()]


async def _in_workers(around: Installation) -> list[Check]:
    try:
        found = await around.workers.about("plugins")
    except OperatorError as error:
        return [Check(NAME, State.FAIL, str(error), "Run `python -m workers plugins` to see more.")]
    return [Check(NAME, State.WARN, str(problem["problem"]), ADVICE) for problem in found]


async def _in_database(around: Installation, schemas: Schemas) -> list[Check]:
    url = around.database_url or (around.running.database_url if around.running else "")
    if not url:
        return []
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            found = await pending(url, schemas.specs)
            wrong = await privacy.problems(url, schemas.specs)
    except Exception:  # noqa: BLE001  the check of the database reports it
        return []
    failures = [(name, f"its tables are not up to date: {reason}") for name, reason in sorted(found.failures.items())]
    checks = [
        Check(NAME, State.WARN, f"plug-in {name} ({schemas.registry.source(name)}): {reason}", ADVICE)
        for name, reason in (*failures, *(wrong if not found.names else []))
        if name in schemas.registry
    ]
    for name in found.removed:
        advice = f"Install it again, or delete its tables: DROP SCHEMA {name} CASCADE."
        checks.append(Check(NAME, State.WARN, f"schema {name} belongs to a package that is not installed", advice))
    return checks


def _installed() -> list[str]:
    """The packages that extend Storyfork, with their versions."""
    found = entry_points()
    groups = [group for group in found.groups if group.startswith(GROUP_PREFIX)]
    return sorted({package_of(entry) for group in groups for entry in found.select(group=group)})
