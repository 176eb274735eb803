"""`doctor` and `health` about the bots: served, in trouble, or silent."""

import pytest

from bot.cli.checks import Installation, State
from bot.cli.platform_checks import check_served, in_maintenance, unhealthy
from bot.settings import BotSettings
from bot.stack.home import StackPaths
from db import switches
from db.connection import rows
from db.leaders import leader_connection

TOKENS = {"discord_token": "MTAx.a.b", "telegram_token": "123456:x"}


@pytest.fixture
def around(database: str, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("DATABASE_URL", database)
    settings = BotSettings.model_validate(TOKENS)
    return Installation(settings, StackPaths(settings.storyfork_home), database, None)


async def states(around: Installation) -> dict[str, State]:
    return {check.name: check.state for check in await check_served(around)}


async def wrong(around: Installation) -> list[str]:
    return [f"{check.name}: {check.detail}" for check in await unhealthy(around.settings)]


async def test_a_bot_is_healthy_if_each_platform_is_looked_after_and_one_is_served(around: Installation, database: str):
    assert await states(around) == {}
    nobody = "no bot process serves it"
    assert await wrong(around) == [f"discord service: {nobody}", f"telegram service: {nobody}"]
    async with leader_connection(database) as connection:
        await connection.stand("discord 0 of 2", "p1", host="den:1")
        await connection.report("telegram", "den:1", "refused")
        assert await states(around) == {"discord 0 of 2 service": State.OK, "telegram service": State.WARN}
        assert await wrong(around) == []
        await connection.stand("discord 0 of 2", "p1", host="den:1", problem="no session")
        assert await states(around) == {"discord 0 of 2 service": State.FAIL, "telegram service": State.FAIL}
        assert await wrong(around) == ["discord 0 of 2 service: no session", "telegram service: refused"]
        await connection.stand("discord 0 of 2", "p1", host="den:1")
        await connection.stand("telegram", "p1", host="den:1")
    await rows("UPDATE leaders SET renewed_at = now() - interval '1 minute' WHERE name = 'telegram' RETURNING 1")
    assert (await states(around))["telegram service"] is State.WARN
    assert await wrong(around) == ["telegram service: no bot process for 60 s"]


async def test_a_database_that_does_not_answer_is_another_checks_finding(around: Installation):
    away = Installation(around.settings, around.paths, "postgres://nobody@127.0.0.1:1/x", None)
    assert await check_served(away) == []


async def test_maintenance_is_said_and_is_no_fault(around: Installation):
    assert not await in_maintenance(around.settings)
    await switches.set_switch(switches.MAINTENANCE, by=None)
    assert await in_maintenance(around.settings)
