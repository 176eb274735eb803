"""Ways around what is refused."""

import time

import pytest

from bot.events import Payload
from db import accounts, linking, people, switches
from db.connection import row, transaction
from tests.bot.playing import words
from tests.bot.sides import Side, linked
from tests.bot.test_ratings import discord, rating
from tests.bot.world import Bot, command, event_of, press, say


@pytest.mark.parametrize("payload", [say("/adults"), press("fill", "adults")])
async def test_what_discord_keeps_from_minors_cannot_be_typed(bot: Bot, payload: Payload) -> None:
    event = discord(event_of(payload, platform="discord"))
    await bot.router.dispatch(event)
    assert "list of commands" in (await bot.answer(event)).body
    assert await rating() is None


async def test_the_buttons_of_a_question_go_off_with_its_command(bot: Bot) -> None:
    await bot.does(command("deny"), group="club", role="owner")
    await bot.does(press("answer_field", "permission", "imagine"), group="club", role="owner")
    await switches.set_switch(switches.of_command("deny"), by=None)
    last = await bot.does(press("answer_field", "role", "guest"), group="club", role="owner")
    assert "switched off" in await words(bot, last)
    found = await row("SELECT settings ->> 'permissions' AS rules FROM accounts WHERE kind = 'group'")
    assert found is not None
    assert found["rules"] is None


async def test_a_setting_goes_off_with_its_command(bot: Bot) -> None:
    ann = (await Side(bot, "console", "ann").who()).user.id
    pressed = press("set", ann, int(time.time() // 60), "rating", "suggestive")
    await switches.set_switch(switches.of_command("rating"), by=None)
    assert "switched off" in await words(bot, await bot.does(pressed))
    assert "Rating" not in await words(bot, await bot.does(command("settings")))
    assert await rating() is None
    await switches.clear(switches.of_command("rating"))
    await bot.does(pressed)
    assert await rating() == "suggestive"


async def test_the_word_of_a_platform_for_an_adult_leaves_with_the_identity(bot: Bot) -> None:
    adult, phone = Side(bot, "discord", "ann"), Side(bot, "telegram", "7")
    for side in (adult, phone):
        await side.does(say("hello"))
    await linked(adult, phone)
    who = await phone.who()
    for platform, staying in (("discord", {}), ("telegram", {"adult_by": "telegram"})):
        await accounts.set_vouched(who.account.id, platform)
        if platform == "discord":
            (leaving,) = [i for i in await people.identities_of(who.user.id) if i.platform == "discord"]
            async with transaction():
                await linking.split(leaving.user_id, leaving.id)
        assert (await phone.who()).account.settings == staying
