"""A question with ForceReply is asked at most once, and never lost, whatever becomes of the answer to its request."""

import asyncio

import pytest

from bot.messages import Button, Field, Message
from bot.platforms.attempts import INTENT, UNCLEAR
from bot.platforms.base import RetryLater
from bot.platforms.telegram import TelegramPlatform
from tests.bot.telegram.conftest import Outbox, to
from tests.doubles.telegram import Fault, Person, TelegramServer

QUESTION = Message(body="What do you do?", asks=Field("text", "Action", placeholder="I knock"))


async def delivered(platform: TelegramPlatform, outbox: Outbox, person: Person, message: Message, row: int = 1) -> None:
    """Deliver as the courier does: again and again, with what is recorded."""
    for attempt in range(1, 9):
        try:
            await platform.deliver(outbox.row(to(person), row, attempt=attempt), message)
        except RetryLater:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("never delivered")


@pytest.mark.parametrize("kind", ["error_after", "drop_after", "error_before", "drop_before"])
async def test_after_a_lost_answer_the_question_follows_as_text(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person, kind: str
) -> None:
    await alice.say(alice.chat(), "hi")
    server.faults.add(Fault(kind, method="sendMessage"))  # pyright: ignore[reportArgumentType]
    await delivered(platform, outbox, alice, QUESTION)
    await delivered(platform, outbox, alice, QUESTION)
    asked = [r for r in server.calls("sendMessage") if "force_reply" in str(r.params.get("reply_markup", ""))]
    assert len(asked) == 1
    shown = [(m.text, m.force_reply is not None) for m in server.sent]
    arrived = [("What do you do?", True)] if kind.endswith("after") else []
    assert shown == [*arrived, ("What do you do?", False)]


async def test_a_refused_question_is_asked_again(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await alice.say(alice.chat(), "hi")
    server.faults.add(Fault("flood", method="sendMessage", retry_after=1, times=2))
    await delivered(platform, outbox, alice, QUESTION)
    (question,) = server.sent
    assert question.force_reply is not None
    assert outbox.recorded[1][-2:] == [INTENT, str(question.id)]


async def test_after_a_crash_in_between_it_follows_as_text(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await alice.say(alice.chat(), "hi")
    outbox.recorded[1] = [INTENT]
    await delivered(platform, outbox, alice, QUESTION)
    await delivered(platform, outbox, alice, QUESTION)
    (shown,) = server.sent
    assert (shown.text, shown.force_reply) == ("What do you do?", None)
    assert outbox.recorded[1] == [INTENT, UNCLEAR, str(shown.id)]


async def test_the_text_above_a_question_is_not_repeated(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await alice.say(alice.chat(), "hi")
    group = server.group("Readers", [alice])
    there = to(alice).model_copy(update={"chat_id": str(group.id), "kind": "group"})
    asks = Message("Name?", asks=Field("name", "Name?", value="Door"), buttons=((Button("Keep", "1.keep.x"),),))
    server.faults.add(Fault("drop_after", method="sendMessage", skip=1))
    await platform.deliver(outbox.row(there, 1), asks)
    await platform.deliver(outbox.row(there, 1, attempt=2), asks)
    shown = [(m.text, m.force_reply is not None) for m in server.sent]
    assert shown == [("Name?\n\nDoor", False), ("Name?", True), ("Name?", False)]
