"""What may be shown where: Discord's private chats need more than the person's wish; group chats are not private."""

from typing import Any

import pytest

from bot.commands.base import CommandRegistry
from bot.commands.rating import COMMANDS
from bot.events import Event
from bot.platforms.discord.commands import application_commands
from db.connection import row
from tests.bot.world import Bot, command, event_of

NSFW = {"level": "nsfw"}


def discord(event: Event, *, group: bool = False) -> Event:
    """The event as Discord has it: its private chats have no age restriction."""
    kind: Any = "group" if group else "dm"
    return event.model_copy(
        update={"conversation": event.conversation.model_copy(update={"adult": False, "kind": kind})}
    )


async def rating() -> Any:
    found = await row("SELECT settings ->> 'rating' AS rating FROM accounts")
    assert found is not None
    return found["rating"]


async def test_the_age_restricted_command_opens_a_private_chat(bot: Bot) -> None:
    event = discord(event_of(command("rating", **NSFW)))
    await bot.router.dispatch(event)
    assert "may not be shown here" in (await bot.answer(event)).body
    assert await rating() is None
    event = discord(event_of(command("adults")))
    await bot.router.dispatch(event)
    assert "Adults only" in (await bot.answer(event)).body
    for level in ("sfw", "nsfw"):
        await bot.router.dispatch(discord(event_of(command("rating", level=level))))
        assert await rating() == level


async def test_it_opens_no_group_and_no_chat_of_another_platform(bot: Bot) -> None:
    event = discord(event_of(command("adults")), group=True)
    await bot.router.dispatch(event)
    assert "your own chat" in (await bot.answer(event)).body
    event = event_of(command("adults"))
    await bot.router.dispatch(event)
    assert "cannot know here whether you are an adult" in (await bot.answer(event)).body
    assert await rating() is None


async def test_help_offers_it_only_where_it_has_an_effect(bot: Bot) -> None:
    answers: list[str] = []
    for event in (discord(event_of(command("help: rating"))), event_of(command("help: rating"), name="tom")):
        await bot.router.dispatch(event)
        answers.append((await bot.answer(event)).body)
    assert ["/adults" in answer for answer in answers] == [True, False]


@pytest.mark.parametrize("name", ["rating", "adults"])
def test_discord_keeps_minors_from_the_command(name: str) -> None:
    registered = {body["name"]: body for body in application_commands(CommandRegistry(COMMANDS))}
    assert registered[name].get("nsfw", False) is (name == "adults")
