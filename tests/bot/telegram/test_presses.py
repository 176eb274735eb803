import asyncio

import pytest

from bot.events import Event
from bot.messages import Button, Message
from bot.platforms.base import Outcome
from bot.platforms.telegram import TelegramPlatform
from tests.bot.telegram.conftest import Outbox, RecordingInbound, to
from tests.doubles.telegram import Fault, Person, TelegramServer
from tests.doubles.telegram import Message as Shown

BUTTONS = ((Button("1", "1.choose.a.1.1"),),)
REFUSAL = Message(body="The story has **moved on**.", private=True)


@pytest.fixture
async def page(platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person) -> Shown:
    await alice.say(alice.chat(), "hi")
    await inbound.wait(1)
    await platform.deliver(outbox.row(to(alice)), Message(body="Page", buttons=BUTTONS))
    return await alice.wait_for_message(alice.chat(), "Page")


def reply_with(
    platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, message: Message, wait: float = 0.0
) -> None:
    """The courier sends the answer of each press, before or after the router has returned."""
    couriers: set[asyncio.Task[None]] = set()

    async def courier(event: Event) -> None:
        await asyncio.sleep(wait)
        await platform.deliver(outbox.row(event.destination, 100), message)

    async def answer(event: Event) -> Outcome:
        couriers.add(asyncio.create_task(courier(event)))
        await asyncio.sleep(0.05)
        return Outcome("answered")

    inbound.answer = answer


@pytest.mark.parametrize("wait", [0.0, 0.2])
async def test_short_private_answer_is_a_pop_up(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person,
    page: Shown, wait: float,
) -> None:  # fmt: skip
    reply_with(platform, inbound, outbox, REFUSAL, wait)
    tap = await alice.tap(page, "1")
    answer = await tap.answered(2)
    assert (answer.text, answer.show_alert) == ("The story has moved on.", True)
    event = await inbound.wait(2)
    await asyncio.sleep(1.1)
    await platform.deliver(outbox.row(event.destination, 100, attempt=2), REFUSAL)
    assert len(server.calls("answerCallbackQuery")) == 1
    assert len(server.sent) == 1


@pytest.mark.parametrize(
    "message",
    [
        Message(body="Next page", buttons=BUTTONS),
        Message(body="Shall I? Next page", private=True, buttons=BUTTONS),
        Message(body="Next page " + "x" * 200, private=True),
    ],
    ids=["public", "with buttons", "too long"],
)
async def test_other_answers_are_messages_and_the_spinner_stops(
    platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person, page: Shown, message: Message
) -> None:
    reply_with(platform, inbound, outbox, message)
    tap = await alice.tap(page, "1")
    answer = await tap.answered(2)
    assert answer.text is None
    assert answer.latency < 0.5
    await alice.wait_for_message(alice.chat(), "Next page")


async def test_late_courier_finds_the_query_answered_and_sends_a_message(
    platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person, page: Shown
) -> None:
    reply_with(platform, inbound, outbox, REFUSAL, wait=1.3)
    tap = await alice.tap(page, "1")
    assert (await tap.answered(2)).text is None
    await alice.wait_for_message(alice.chat(), "moved on")


async def test_too_old_query_becomes_a_message(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person,
    page: Shown,
) -> None:  # fmt: skip
    server.faults.add(Fault("old_query", method="answerCallbackQuery"))
    reply_with(platform, inbound, outbox, REFUSAL)
    await alice.tap(page, "1")
    await alice.wait_for_message(alice.chat(), "moved on")


async def test_pop_up_is_tried_again_after_a_lost_answer(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person,
    page: Shown,
) -> None:  # fmt: skip
    server.faults.add(Fault("drop_after", method="answerCallbackQuery"))
    reply_with(platform, inbound, outbox, REFUSAL)
    tap = await alice.tap(page, "1")
    assert (await tap.answered(2)).text == "The story has moved on."
    await server.wait_for_request("answerCallbackQuery", count=2)
    assert len(server.sent) == 1


async def test_working_stops_the_spinner_at_once(inbound: RecordingInbound, alice: Person, page: Shown) -> None:
    async def answer(event: Event) -> Outcome:
        return Outcome("working")

    inbound.answer = answer
    tap = await alice.tap(page, "1")
    assert (await tap.answered(2)).latency < 0.5
