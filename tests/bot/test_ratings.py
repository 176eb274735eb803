"""What may be shown where: Discord's private chats need more than the person's wish; group chats are not private."""

from typing import Any

import pytest

from bot.commands.base import CommandRegistry
from bot.commands.rating import COMMANDS
from bot.events import Event, Payload
from bot.platforms.discord.commands import application_commands
from db.connection import row
from db.models import PageRow
from tests.bot.world import Bot, command, event_of, press, write

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


async def test_a_story_for_adults_opens_only_where_it_may_be_shown(bot: Bot) -> None:
    def at(event: Event, *, adult: bool | None) -> Event:
        return event.model_copy(update={"conversation": event.conversation.model_copy(update={"adult": adult})})

    async def told(event: Event) -> str:
        await bot.router.dispatch(event)
        return " ".join(f"{message.title} {message.body}" for message in await bot.answers(event))

    async def says(payload: Payload, *, adult: bool | None) -> str:
        return await told(at(event_of(payload, group="club", role="admin"), adult=adult))

    await says(command("rating", **NSFW), adult=True)
    await says(command("story new: two lovers", rating="nsfw"), adult=True)
    found = await row("SELECT id, cursor_id FROM stories")
    assert found is not None
    first = await PageRow.get(id=found["cursor_id"])
    await write(first, "Bedroom")
    assert "Bedroom" in await says(command("story continue"), adult=True)
    presses = (press("current", found["id"]), press("open", found["id"]))
    for payload in (command("story continue"), command(f"story continue: #{found['id']}"), *presses):
        said = await says(payload, adult=False)
        assert "Bedroom" not in said, payload
        assert "may not be shown here" in said
    await says(press("choose", first.id, 0, 1), adult=True)
    second = await PageRow.all().order_by("-id").first()
    assert second is not None
    await write(second, "Bath")
    said = await says(press("back", second.id, 1), adult=False)
    assert "Bedroom" not in said
    assert "Bedroom" in await says(press("back", second.id, 1), adult=True)
