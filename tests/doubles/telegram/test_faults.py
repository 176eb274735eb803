"""Every fault through the real client library: what the client sees, and whether the deed was done."""

from __future__ import annotations

import asyncio

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest, Conflict, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut

from tests.doubles.telegram import Fault, TelegramServer
from tests.doubles.telegram.conftest import client
from tests.doubles.telegram.faults import Kind


@pytest.mark.parametrize(
    ("kind", "error", "done", "status"),
    [
        ("flood", RetryAfter, False, 429),
        ("error_before", NetworkError, False, 502),
        ("error_after", NetworkError, True, 502),
        ("drop_before", NetworkError, False, 0),
        ("drop_after", NetworkError, True, 0),
        ("blocked", Forbidden, False, 403),
    ],
)
async def test_a_fault_strikes_once(
    server: TelegramServer, bot: Bot, kind: Kind, error: type[TelegramError], done: bool, status: int
) -> None:
    alice = server.person("alice")
    await alice.say(alice.chat(), "/start")
    fault = server.faults.add(Fault(kind, method="sendMessage"))
    with pytest.raises(error):
        await bot.send_message(alice.id, "page")
    assert [message.text for message in server.sent] == (["page"] if done else [])
    request = server.calls("sendMessage")[-1]
    assert (request.status, request.fault) == (status, fault)
    await bot.send_message(alice.id, "again")
    assert server.faults.injected == [("sendMessage", fault)]


@pytest.mark.parametrize("kind", ["late_before", "late_after"])
async def test_a_late_answer_times_out_but_the_deed_is_done(server: TelegramServer, bot: Bot, kind: Kind) -> None:
    alice = server.person("alice")
    await alice.say(alice.chat(), "/start")
    server.faults.add(Fault(kind, method="sendMessage", seconds=0.3))
    with pytest.raises(TimedOut):
        await bot.send_message(alice.id, "page", read_timeout=0.1)
    assert len(server.sent) == (kind == "late_after")
    await alice.wait_for_message(alice.chat(), "page")
    assert (await server.wait_for_request("sendMessage")).status == 200


async def test_faults_of_one_method(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    await alice.say(alice.chat(), "/start")
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("b", callback_data="x")]])
    await bot.send_message(alice.id, "page", reply_markup=keyboard)
    tap = await alice.tap(server.sent[-1], "b")
    server.faults.add(Fault("old_query", method="answerCallbackQuery"))
    with pytest.raises(BadRequest, match="Query is too old"):
        await bot.answer_callback_query(tap.query.id)
    server.faults.add(Fault("conflict", method="getUpdates"))
    with pytest.raises(Conflict, match="other getUpdates"):
        await bot.get_updates()
    await bot.answer_callback_query(tap.query.id, "now")
    assert (await tap.answered()).text == "now"


async def test_skip_times_and_when(server: TelegramServer, bot: Bot) -> None:
    alice, bob = server.person("alice"), server.person("bob")
    for person in (alice, bob):
        await person.say(person.chat(), "/start")
    fault = Fault("error_before", status=500, skip=1, times=2, when=lambda params: params["chat_id"] == str(alice.id))
    server.faults.add(fault)
    outcomes: list[bool] = []
    for person in (alice, bob, alice, alice, bob, alice):
        try:
            await bot.send_message(person.id, "page")
            outcomes.append(True)
        except NetworkError:
            outcomes.append(False)
    assert outcomes == [True, True, False, False, True, True]


async def test_random_faults_repeat_with_their_seed() -> None:
    async def play(seed: int) -> list[int | None]:
        async with TelegramServer() as server, client(server) as bot:
            alice = server.person("alice")
            await alice.say(alice.chat(), "/start")
            server.flood.rules = None
            server.faults.random(seed, 0.4, ["error_before", "error_after", "drop_after", "flood"])
            for number in range(40):
                try:
                    await bot.send_message(alice.id, str(number))
                except (NetworkError, RetryAfter):
                    continue
            assert {request.status for request in server.calls("sendMessage")} == {200, 502, 429, 0}
            return [request.status for request in server.calls("sendMessage")]

    first, again, other = await play(1), await play(1), await play(2)
    assert first == again
    assert first != other


async def test_the_platform_goes_away_and_returns(server: TelegramServer, bot: Bot) -> None:
    alice = server.person("alice")
    await alice.say(alice.chat(), "/start")
    url = server.api_url
    await server.stop()
    with pytest.raises(NetworkError):
        await bot.send_message(alice.id, "page")
    await alice.say(alice.chat(), "anybody?")
    await server.start()
    assert server.api_url == url
    texts = [update.message.text for update in await bot.get_updates() if update.message]
    assert texts == ["/start", "anybody?"]


async def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no such fault"):
        Fault("earthquake")  # pyright: ignore[reportArgumentType]
    await asyncio.sleep(0)
