import asyncio
import logging
from typing import Any

import pytest

from bot.events import Event
from bot.messages import Button, Message
from bot.platforms.base import Outcome, TokenRefused
from bot.platforms.telegram import TelegramPlatform
from bot.platforms.telegram.polling import CONFLICT
from tests.bot.telegram.conftest import Outbox, RecordingInbound, registry, running, to
from tests.doubles.telegram import Fault, Person, TelegramServer


async def test_refused_events_are_kept_and_the_press_is_told_once(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person
) -> None:
    await alice.say(alice.chat(), "hi")
    await inbound.wait(1)
    await platform.deliver(outbox.row(to(alice)), Message(body="Page", buttons=((Button("1", "1.choose.a.1.1"),),)))
    page = await alice.wait_for_message(alice.chat(), "Page")
    tries: list[str] = []

    async def away(event: Event) -> Outcome:
        tries.append(event.event_id)
        return Outcome("refused", "Try again in a moment.") if len(tries) < 3 else Outcome("silent")

    inbound.answer = away
    tap = await alice.tap(page, "1")
    answer = await tap.answered()
    assert (answer.text, answer.show_alert) == ("Try again in a moment.", True)
    await inbound.wait(4)
    assert tries == [f"c{tap.query.id}"] * 3
    assert len(server.calls("answerCallbackQuery")) == 1


async def test_chats_do_not_wait_for_each_other_and_each_keeps_its_order(
    server: TelegramServer, inbound: RecordingInbound, alice: Person
) -> None:
    bob = server.person("Bob")
    for n in range(5):
        await alice.say(alice.chat(), f"a{n}")
        await bob.say(bob.chat(), f"b{n}")
    both = asyncio.Barrier(2)

    async def together(event: Event) -> Outcome:
        await both.wait()
        return Outcome("silent")

    inbound.answer = together
    async with running(server, inbound):
        await inbound.wait(10)
    texts = [event.payload.text for event in inbound.events if event.payload.type == "said"]
    assert [t for t in texts if t[0] == "a"] == ["a0", "a1", "a2", "a3", "a4"]
    assert [t for t in texts if t[0] == "b"] == ["b0", "b1", "b2", "b3", "b4"]


@pytest.mark.parametrize("poison", [{"message_id": "?", "chat": {"id": 1}}, {"chat": 7}, "text"])
async def test_poison_is_skipped_with_a_reference(
    server: TelegramServer, inbound: RecordingInbound, alice: Person, caplog: pytest.LogCaptureFixture, poison: Any
) -> None:
    server.updates.add("message", alice.id, poison)
    await alice.say(alice.chat(), "after it")
    async with running(server, inbound):
        assert (await inbound.wait(1)).event_id == f"m{alice.id}.1"
    assert "is skipped (reference" in caplog.text


async def test_update_ids_may_begin_anew(server: TelegramServer, inbound: RecordingInbound, alice: Person) -> None:
    async with running(server, inbound):
        await alice.say(alice.chat(), "before")
        await inbound.wait(1)
    server.restart_update_ids()
    async with running(server, inbound):
        await alice.say(alice.chat(), "after a week")
        await inbound.wait(2)


async def test_conflict_is_said_and_survived(
    server: TelegramServer, inbound: RecordingInbound, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults.add(Fault("conflict", method="getUpdates", times=2))
    async with running(server, inbound) as platform:
        await server.wait_for_request("getUpdates", count=2)
        assert await platform.check_ready() == CONFLICT
        await alice.say(alice.chat(), "hi")
        await inbound.wait(1)
        assert await platform.check_ready() == ""
    assert caplog.text.count(CONFLICT) == 1


async def test_outage_of_the_platform(server: TelegramServer, inbound: RecordingInbound, alice: Person) -> None:
    async with running(server, inbound):
        await server.stop()
        await asyncio.sleep(0.2)
        await server.start()
        await alice.say(alice.chat(), "back again")
        await inbound.wait(1)


async def test_wrong_token_is_named_but_not_shown(server: TelegramServer, inbound: RecordingInbound) -> None:
    platform = TelegramPlatform("123456:wrong", registry(), api_url=server.api_url)
    with pytest.raises(TokenRefused) as raised:
        await platform.run(inbound)
    assert "123456" not in str(raised.value)
    assert raised.value.__suppress_context__


async def test_no_log_line_holds_the_token(
    server: TelegramServer, inbound: RecordingInbound, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.faults.add(Fault("error_before", method="getUpdates", times=2))
    async with running(server, inbound):
        await alice.say(alice.chat(), "hi")
        await inbound.wait(1)
    assert server.token not in caplog.text
