"""Presses that a client made up: nobody's message is changed or removed by them, and nothing is told."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest

from bot import locales
from bot.actions.packing import pack
from db import pictures
from db.connection import row, rows
from tests.bot.fleet import Fleet, fleet
from tests.bot.world import Bot, command, event_of, press
from tests.doubles.telegram import Person, TelegramServer
from tests.doubles.telegram.state import Chat, Message
from tests.journeys.people import TelegramTown

NOT_HERE = locales.text("router.not_here")


@dataclass
class Den:
    """A group in which the bot has answered two people."""

    server: TelegramServer
    group: Chat
    ann: Person
    ben: Person
    said: Message
    answer: Message
    requests: int


@pytest.fixture
async def den(database: str, redis_url: str) -> AsyncGenerator[Den]:
    town = TelegramTown()
    async with fleet(database, redis_url, town) as service:
        yield await _met(service, town)


async def _met(service: Fleet, town: TelegramTown) -> Den:
    process = await service.start()
    await service.led_by(process)
    server = town.server
    ann, ben = server.person("Ann"), server.person("Ben")
    group = server.group("Den", [ann, ben], privacy=False)
    said = await ann.say(group, "/persona_list@storyfork_bot")
    answer = await ann.wait_for_message(group, lambda m: bool(m.buttons))
    await ben.say(group, "/cancel@storyfork_bot")
    async with asyncio.timeout(20):
        while len(await rows("SELECT id FROM outbox WHERE state = 'sent'")) < 2:
            await asyncio.sleep(0.02)
    return Den(server, group, ann, ben, said, answer, len(server.requests))


async def picture_of(name: str) -> int:
    """A picture in the group that belongs to somebody."""
    found = await row(
        "SELECT a.id AS account, c.id AS conversation, i.user_id FROM accounts a JOIN conversations c "
        "ON c.account_id = a.id, identities i WHERE a.kind = 'group' AND i.name = $1",
        name,
    )
    assert found is not None
    return await pictures.attach(found["account"], found["user_id"], found["conversation"], b"picture")


def touched(den: Den) -> list[str]:
    """What the bot did to messages since."""
    return [
        r.method
        for r in den.server.requests[den.requests :]
        if r.method.startswith(("edit", "delete")) and "Message" in r.method
    ]


@pytest.mark.parametrize("forged", ["her own words", "the bot's answer to her"])
async def test_a_forged_press_removes_nobodys_message(den: Den, forged: str):
    mine = await picture_of("Ben")
    message = den.said if forged == "her own words" else den.answer
    tap = den.ben.forge(message, pack("erase", mine))
    assert (await tap.answered()).text == NOT_HERE
    await asyncio.sleep(0.3)
    assert touched(den) == []
    assert not message.deleted
    assert await row("SELECT 1 FROM pictures WHERE id = $1", mine)


async def test_a_button_that_an_edit_took_away_is_genuine(den: Den):
    den.server.world.revise(den.answer, den.answer.formatted, [], None)
    tap = await den.ann.tap(den.answer, den.answer.edits[-1].buttons[0][0].text, stale=True)
    assert (await tap.answered()).text != NOT_HERE
    async with asyncio.timeout(20):
        while not touched(den):  # the list became the page of a persona
            await asyncio.sleep(0.02)


async def test_what_is_not_known_is_obeyed_but_not_edited(bot: Bot):
    await bot.does(command("cancel"))
    found = await row(
        "SELECT a.id AS account, c.id AS conversation, u.id AS person FROM accounts a, conversations c, users u"
    )
    assert found is not None
    picture = await pictures.attach(found["account"], found["person"], found["conversation"], b"picture")
    event = event_of(press("erase", picture))
    destination = event.destination.model_copy(update={"pressed_message": "older than what is kept"})
    assert (await bot.router.dispatch(event.model_copy(update={"destination": destination}))).status == "answered"
    assert [r["kind"] for r in await rows("SELECT kind FROM outbox WHERE event_key = $1", event.key)] == ["notice"]


async def test_a_message_that_had_other_buttons_is_not_touched(bot: Bot):
    listed = await bot.does(command("persona list"))
    await rows(
        "UPDATE outbox SET state = 'sent', message_ids = '[\"m1\"]', buttons = $2::jsonb WHERE event_key = $1",
        listed.key, '["1.persona.1"]',
    )  # fmt: skip
    for verb, known in (("persona", True), ("portrait", False)):
        event = event_of(press(verb, 1))
        destination = event.destination.model_copy(update={"pressed_message": "m1"})
        payload = event.payload.model_copy(update={"data": f"1.{verb}.1"})
        await bot.router.dispatch(event.model_copy(update={"destination": destination, "payload": payload}))
        assert ((await bot.answer(event)).body == NOT_HERE) is not known
