"""Guilds that removed the bot while it was away are noted: after all are known, and only if Discord itself says so."""

import asyncio

import pytest

from bot.platforms.discord import presence
from tests.bot.discord.conftest import Notes, connecting
from tests.doubles.discord import DiscordServer, Fault


async def checked(server: DiscordServer, notes: Notes, **shards: object) -> None:
    """Connect, and let the first check end: each further one begins after it."""
    async with asyncio.timeout(30), connecting(server, notes=notes, **shards):  # type: ignore[arg-type]
        for _ in range(2):
            await notes.recorded.wait()
            notes.recorded.clear()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "CHECK_SECONDS", 0.05)


async def test_a_guild_that_removed_the_bot_meanwhile_is_left(server: DiscordServer):
    kept, gone = server.guild("Readers"), server.guild("Writers")
    notes = Notes()
    notes.places = {str(kept.id), str(gone.id)}
    gone.remove_bot()
    await checked(server, notes)
    assert notes.left == [str(gone.id)]
    assert notes.places == {str(kept.id)}


async def test_a_guild_in_an_outage_is_not_left(server: DiscordServer, monkeypatch: pytest.MonkeyPatch):
    kept, out = server.guild("Readers"), server.guild("Writers")
    out.outage = True
    notes = Notes()
    notes.places = {str(kept.id), str(out.id)}
    server.faults.add(Fault("forbidden", "GET /guilds/*", times=None, code=50001))
    await checked(server, notes)
    assert notes.left == []


@pytest.mark.parametrize("trouble", ["shown", "error", "forbidden"])
async def test_what_is_only_missing_in_the_list_is_not_left(server: DiscordServer, trouble: str):
    """The list may be partial: Discord still shows the guild, or does not say."""
    server.guild("Readers")
    missing = server.guild("Writers")
    missing.installed = False  # the session does not list it
    if trouble == "error":
        # The status that discord.py does not ask again for: others it repeats for 25 seconds.
        server.faults.add(Fault("error_before", "GET /guilds/*", times=None, status=503))
    elif trouble == "forbidden":
        server.faults.add(Fault("forbidden", "GET /guilds/*", times=None, code=40002))
    notes = Notes()
    notes.places = {str(missing.id)}
    await checked(server, notes)
    assert notes.left == []


async def test_other_processes_guilds_are_not_missed(server: DiscordServer):
    """A process that serves one of two shards is told of its own guilds only."""
    guilds = [server.guild(f"Guild {n}") for n in range(8)]
    notes = Notes()
    notes.places = {str(guild.id) for guild in guilds}
    for guild in guilds:
        guild.remove_bot()
    await checked(server, notes, shard_ids=[1], shard_count=2)
    assert set(notes.left) == {str(guild.id) for guild in guilds if (guild.id >> 22) % 2 == 1}


async def test_nothing_is_left_before_all_guilds_are_known(server: DiscordServer):
    notes = Notes()
    notes.places = {"1"}
    async with connecting(server, notes=notes) as connected:
        await notes.recorded.wait()
        connected.platform._client._closed = True  # type: ignore[attr-defined]
        notes.left.clear()
        connected.platform._client._ready.clear()
        await connected.platform._presence.check(notes)
        assert notes.left == []
        connected.platform._client._closed = False  # type: ignore[attr-defined]
