import asyncio

import pytest

from bot.messages import Button, Field, Message, Progress
from bot.platforms.base import Gone, RetryLater, Undeliverable
from bot.platforms.telegram import TelegramPlatform
from bot.platforms.telegram.render import Mark, TextPart
from bot.platforms.telegram.units import TextUnit
from tests.bot.telegram.conftest import Outbox, RecordingInbound, registry, to
from tests.doubles.telegram import Fault, Person, TelegramServer

BUTTONS = ((Button("1", "1.choose.a.1.1"), Button("2", "1.choose.a.1.2")), (Button("Back", "1.back.a.1"),))
PAGE = Message(title="Door", body="It is **open**.", choices=("Go", "Stay"), buttons=BUTTONS)
LONG = Message(body=" ".join(f"Sentence number {n} is here." for n in range(500)), buttons=BUTTONS)


@pytest.fixture(autouse=True)
async def started(platform: TelegramPlatform, inbound: RecordingInbound, alice: Person) -> None:
    await alice.say(alice.chat(), "hi")
    await inbound.wait(1)


async def test_placeholder_then_content(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.deliver(outbox.row(to(alice), 7), PAGE)
    (message,) = server.sent
    assert message.edits[0].text == "…"
    assert message.text == "Door\n\nIt is open.\n\n1. Go\n2. Stay"
    assert message.labels == ["1", "2", "Back"]
    assert outbox.recorded[7] == [str(message.id)]
    await platform.deliver(outbox.row(to(alice), 7, attempt=2), PAGE)
    assert len(server.sent) == 1


async def test_placeholder_becomes_the_answer(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.place(outbox.row(to(alice), 1), Progress("Writing", buttons=((Button("Stop", "1.cancel.a"),),)))
    (placed,) = outbox.recorded[1]
    (placeholder,) = server.sent
    assert (placeholder.text, placeholder.labels) == ("⏳ Writing", ["Stop"])
    await platform.show_progress(to(alice), placed, Progress("Writing", 40, text="Once"))
    assert placeholder.text == "Once\n\n⏳ Writing · 40 %"
    await platform.deliver(outbox.row(to(alice), 2, placeholder=placed), PAGE)
    await platform.show_progress(to(alice), placed, Progress("Writing", 90))
    assert placeholder.text.startswith("Door")
    assert outbox.recorded[2] == [placed]
    assert len(server.sent) == 1


async def test_progress_under_way_never_overwrites_the_answer(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.place(outbox.row(to(alice), 1), Progress("Writing"))
    (placed,) = outbox.recorded[1]
    server.faults.add(Fault("late_before", method="editMessageText", seconds=0.3))
    progress = asyncio.create_task(platform.show_progress(to(alice), placed, Progress("Writing", 50)))
    await asyncio.sleep(0.1)
    await platform.deliver(outbox.row(to(alice), placeholder=placed), PAGE)
    await progress
    assert server.sent[0].text.startswith("Door")


async def test_progress_never_raises(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.place(outbox.row(to(alice), 1), Progress("Writing"))
    (placed,) = outbox.recorded[1]
    server.faults.add(Fault("flood", method="editMessageText", retry_after=5))
    await platform.show_progress(to(alice), placed, Progress("Writing", 50))
    await platform.show_progress(to(alice), placed, Progress("Writing", 60))
    assert len(server.calls("editMessageText")) == 1
    await platform.show_progress(to(alice), "999", Progress("Writing", 70))


async def test_long_text_has_its_buttons_under_the_last_part_and_its_mark(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    page = Message(body=LONG.body, choices=("Go", "Stay"), buttons=BUTTONS)
    await platform.deliver(outbox.row(to(alice), 1), page)
    assert len(server.sent) > 2
    assert [bool(m.buttons) for m in server.sent] == [False] * (len(server.sent) - 1) + [True]
    assert " ".join(m.text for m in server.sent).startswith(LONG.body)
    last = server.sent[-1]
    assert outbox.recorded[1][-1] == str(last.id)
    taken = Message(body=page.body, choices=page.choices, taken=2, buttons=BUTTONS)
    await platform.deliver(outbox.row(to(alice), kind="mark", edit=str(last.id)), taken)
    assert last.text.endswith("1. Go\n▸ 2. Stay")
    assert last.buttons == []
    before = len(server.sent)
    await platform.deliver(outbox.row(to(alice), kind="mark", edit="9999"), taken)
    assert len(server.sent) == before


async def test_interrupted_long_text_goes_on(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    server.faults.add(Fault("flood", method="sendMessage", skip=1, retry_after=1))
    with pytest.raises(RetryLater) as raised:
        await platform.deliver(outbox.row(to(alice), 1), LONG)
    assert raised.value.delay == 1
    await platform.deliver(outbox.row(to(alice), 1), LONG)
    assert " ".join(m.text for m in server.sent) == LONG.body
    assert len(outbox.recorded[1]) == len(server.sent)


@pytest.mark.parametrize("kind", ["error_after", "drop_after"])
async def test_ambiguous_send_leaves_a_placeholder_never_a_second_reply(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person, kind: str
) -> None:
    server.faults.add(Fault(kind, method="sendMessage"))  # pyright: ignore[reportArgumentType]
    with pytest.raises(RetryLater):
        await platform.deliver(outbox.row(to(alice), 1), PAGE)
    assert platform.possible_orphans == 1
    await platform.deliver(outbox.row(to(alice), 1), PAGE)
    assert [m.text[:4] for m in server.sent] == ["…", "Door"]
    assert len(server.placeholders()) == 1


@pytest.mark.parametrize("kind", ["error_before", "error_after", "drop_before", "drop_after"])
async def test_edits_are_repeated_at_once(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person, kind: str
) -> None:
    server.faults.add(Fault(kind, method="editMessageText"))  # pyright: ignore[reportArgumentType]
    await platform.deliver(outbox.row(to(alice), 1), PAGE)
    assert [m.text[:4] for m in server.sent] == ["Door"]


async def test_lost_row_takes_its_placeholder_back(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    class LeaseGone(Exception):
        pass

    async def record(message_id: str) -> None:
        raise LeaseGone

    row = outbox.row(to(alice))
    row.record = record
    with pytest.raises(LeaseGone):
        await platform.deliver(row, PAGE)
    assert server.sent[0].deleted


async def test_deleted_message_is_sent_anew(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.place(outbox.row(to(alice), 1), Progress("Writing"))
    (placed,) = outbox.recorded[1]
    server.sent[0].deleted = True
    await platform.deliver(outbox.row(to(alice), 2, placeholder=placed), PAGE)
    await platform.deliver(outbox.row(to(alice), 2, placeholder=placed, attempt=2), PAGE)
    assert [m.text[:4] for m in server.sent if not m.deleted] == ["Door"]


async def test_blocked_and_unknown_chats_are_undeliverable(
    platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    alice.block()
    with pytest.raises(Gone, match="blocked"):
        await platform.deliver(outbox.row(to(alice)), PAGE)
    with pytest.raises(Gone, match="not found"):
        await platform.deliver(outbox.row(to(alice).model_copy(update={"chat_id": "4242"})), PAGE)


async def test_flood_of_a_slow_chat(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    server.faults.add(Fault("flood", method="sendMessage", retry_after=7))
    with pytest.raises(RetryLater) as raised:
        await platform.deliver(outbox.row(to(alice)), PAGE)
    assert raised.value.delay == 7
    assert server.sent == []


async def test_question_asks_for_a_reply(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    await platform.place(outbox.row(to(alice), 1), Progress("One moment"))
    (placed,) = outbox.recorded[1]
    asks = Message(body="What do you do?", asks=Field("text", "Action", placeholder="x" * 80))
    for attempt in (1, 2):
        await platform.deliver(outbox.row(to(alice), 2, placeholder=placed, attempt=attempt), asks)
    (question,) = [m for m in server.sent if not m.deleted]
    assert question.text == "What do you do?"
    assert question.force_reply is not None
    assert (question.force_reply.placeholder, question.force_reply.selective) == ("x" * 64, True)


async def test_question_after_a_press_in_a_group_names_the_person(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    group = server.group("Readers", [alice])
    there = to(alice).model_copy(update={"chat_id": str(group.id), "kind": "group", "handle": {"name": "Alice"}})
    await platform.deliver(outbox.row(there), Message(body="What **now**?", asks=Field("text", "Action")))
    question = await alice.wait_for_message(group)
    assert question.text == "Alice, What now?"
    assert [e.type for e in question.entities] == ["text_mention", "bold"]


async def test_retract(server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person) -> None:
    await platform.place(outbox.row(to(alice), 1), Progress("Writing"))
    await platform.place(outbox.row(to(alice), 2), Progress("Writing"))
    await platform.retract(to(alice), outbox.recorded[1][0])
    server.clock.advance(72 * 3600)
    await platform.retract(to(alice), outbox.recorded[2][0])
    await platform.retract(to(alice), "9999")
    assert [(m.deleted, m.text) for m in server.sent] == [(True, "⏳ Writing"), (False, "✕")]


async def test_not_connected(outbox: Outbox, alice: Person) -> None:
    idle = TelegramPlatform("1:x", registry())
    assert await idle.check_ready() == "not started"
    with pytest.raises(RetryLater):
        await idle.deliver(outbox.row(to(alice)), PAGE)


async def test_refused_entities_are_left_out(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    odd = TextPart("Plain", (Mark(0, 5, "nonsense"),))
    poster = platform._sender._poster
    sent = await poster._send_message(to(alice), odd, None, first=True)
    assert [call.status for call in server.calls("sendMessage")] == [400, 200]
    assert await poster.edit(to(alice), str(sent.message_id), TextUnit(TextPart("Edited", odd.marks))) == "done"
    assert [(m.text, m.entities) for m in server.sent] == [("Edited", ())]


async def test_group_that_became_a_supergroup(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person
) -> None:
    group = server.group("Readers", [alice])
    body = {"message_id": 9, "date": 1, "chat": {"id": -77, "type": "group"}, "migrate_to_chat_id": group.id}
    server.updates.add("message", -77, body)
    await alice.say(group, "/help")
    await inbound.wait(2)
    old = to(alice).model_copy(update={"chat_id": "-77", "kind": "group"})
    async with asyncio.timeout(5):
        while True:
            try:
                await platform.deliver(outbox.row(old), Message(body="Moved here"))
            except Undeliverable:
                await asyncio.sleep(0.05)
            else:
                break
    await alice.wait_for_message(group, "Moved here")


async def test_a_message_is_the_first_to_learn_that_a_group_became_a_supergroup(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, outbox: Outbox, alice: Person
) -> None:
    group = server.group("Readers", [alice])
    server.upgrade(-77, group)
    row = outbox.row(to(alice).model_copy(update={"chat_id": "-77", "kind": "group"}))
    with pytest.raises(RetryLater):
        await platform.deliver(row, Message(body="Moved here"))
    assert inbound.moves == [("-77", str(group.id))]
    await platform.deliver(row, Message(body="Moved here"))
    await alice.wait_for_message(group, "Moved here")


async def test_every_reply_arrives_once_whatever_happens(
    server: TelegramServer, platform: TelegramPlatform, outbox: Outbox, alice: Person
) -> None:
    server.faults.random(
        seed=3, probability=0.25, kinds=["error_before", "error_after", "drop_before", "drop_after", "flood"],
        methods=["sendMessage", "editMessageText"],
    )  # fmt: skip

    async def courier(number: int) -> None:
        for attempt in range(1, 30):
            try:
                row = outbox.row(to(alice), 1000 + number, attempt=attempt)
                return await platform.deliver(row, Message(body=f"Reply <{number}>", buttons=BUTTONS))
            except RetryLater:
                continue
        raise AssertionError(f"reply {number} never arrived")

    await asyncio.gather(*(courier(number) for number in range(60)))
    replies = sorted(m.text for m in server.sent if m not in server.placeholders())
    assert replies == sorted(f"Reply <{number}>" for number in range(60))
    assert 0 < len(server.placeholders()) <= platform.possible_orphans
