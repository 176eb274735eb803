"""What is switched off, or refused to somebody, is not offered to them by the first screen and the help."""

from collections.abc import AsyncGenerator

import pytest

from bot.events import ButtonPress
from bot.messages import Message
from bot.policy import AccessPolicy
from db import heartbeats
from db.heartbeats import Heartbeat
from db.permissions import Role
from tests.bot.world import Bot, command, running_bot

DRAWS = Heartbeat("w", "host", ["cpu", "gpu"], [], ["sdxl"], 0, 1)
EVERYTHING = {"Begin a story", "Meet somebody", "Draw", "Settings", "Help"}


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url, policy=AccessPolicy(frozenset({"console:boss"}))) as bot:
        await heartbeats.beat(DRAWS)
        yield bot


async def labels(bot: Bot, text: str, name: str = "ann", group: str = "", role: Role | None = None) -> set[str]:
    """What can be pressed below the answer to a command."""
    return pressable(await bot.answer(await bot.does(command(text), name=name, group=group, role=role)))


def pressable(message: Message) -> set[str]:
    options = {option.label for select in message.selects for option in select.options}
    return options | {button.label for row in message.buttons for button in row}


async def test_what_is_switched_off_is_not_offered(bot: Bot):
    assert await labels(bot, "start") == EVERYTHING
    assert {"Stories", "Personas", "Pictures"} <= await labels(bot, "help")
    for name in ("story", "persona", "imagine"):
        await bot.does(command(f"operator switch: {name} off"), name="boss")
    assert await labels(bot, "start") == {"Settings", "Help"}
    assert "Stories" not in await labels(bot, "help")
    assert "/persona" not in (await bot.answer(await bot.does(command("help: persona")))).body
    assert "/imagine" not in (await bot.answer(await bot.does(command("help: picture")))).body
    assert "no topic" in (await bot.answer(await bot.does(command("help: story")))).body
    assert await labels(bot, "start", name="boss") == EVERYTHING, "it is not off for operators"


async def test_who_may_not_choose_the_persona_of_a_place_is_told_where_they_can(bot: Bot):
    async def card(group: str, role: Role | None = None) -> Message:
        shown = await bot.answer(await bot.does(command("start"), group=group, role=role))
        (meet,) = [b.action for row in shown.buttons for b in row if b.label == "Meet somebody"]
        return await bot.answer(await bot.does(ButtonPress(data=meet), group=group, role=role))

    member = await card("club")
    assert "Talk" not in pressable(member)
    assert "In a private chat with me you choose." in member.body
    for other in (await card("club", "moderator"), await card("")):
        assert "Talk" in pressable(other)
        assert "private chat" not in other.body


async def test_what_somebody_may_not_do_is_not_offered(bot: Bot):
    for permission in ("start", "imagine"):
        await bot.does(command(f"deny: {permission} member"), group="club", role="admin")
    assert await labels(bot, "start", group="club") == {"Meet somebody", "Settings", "Help"}
    assert await labels(bot, "start", group="club", role="admin") == EVERYTHING
