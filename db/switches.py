"""Switches of the whole service, set by its operators: maintenance mode, and commands that are off."""

from collections.abc import Mapping
from typing import Final

from db.connection import row, rows

MAINTENANCE: Final = "maintenance"
_COMMAND: Final = "command "


async def set_switch(name: str, *, by: int | None, message: str = "") -> None:
    """Set a switch, or change its message."""
    await rows(
        "INSERT INTO service_switches (name, message, changed_by) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE "
        "SET message = excluded.message, changed_by = excluded.changed_by, changed_at = now()",
        name, message, by,
    )  # fmt: skip


async def clear(name: str) -> bool:
    """Clear a switch; False if it was not set."""
    return await row("DELETE FROM service_switches WHERE name = $1 RETURNING name", name) is not None


async def switches() -> dict[str, str]:
    """Return the messages of all switches that are set, by name."""
    return {r["name"]: r["message"] for r in await rows("SELECT name, message FROM service_switches ORDER BY name")}


def of_command(command: str) -> str:
    """Return the name of the switch of a command or of a group of commands."""
    return f"{_COMMAND}{command}"


def commands_off(found: Mapping[str, str]) -> frozenset[str]:
    """Return the commands and groups of commands that are off, of switches that are set."""
    return frozenset(name.removeprefix(_COMMAND) for name in found if name.startswith(_COMMAND))
