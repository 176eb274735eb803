"""Topics that are closed or deleted while an answer is written: it goes on in the group."""

import pytest

from bot.events import Destination
from bot.messages import Button, Field, Message, Progress
from bot.platforms.base import Undeliverable
from bot.platforms.telegram import TelegramPlatform
from tests.bot.telegram.conftest import Outbox
from tests.bot.telegram.test_messages import pictures
from tests.doubles.telegram import Message as Shown
from tests.doubles.telegram import Person, TelegramServer
from tests.doubles.telegram.state import Chat

PAGE = Message(title="Door", body="It is open.", buttons=((Button("1", "1.choose.a.1.1"),),))


class Topic:
    """A topic of a group, with a question in it."""

    def __init__(self, server: TelegramServer, alice: Person) -> None:
        self.group: Chat = server.group("Readers", [alice], topics=True)
        self.id = server.topic(self.group, "Stories")

    async def asked(self, alice: Person) -> Destination:
        said = await alice.say(self.group, "/story_new a fox", thread=self.id)
        chat, user = str(self.group.id), str(alice.id)
        return Destination(chat_id=chat, thread_id=str(self.id), user_id=user, kind="thread", reply_to=str(said.id))

    def in_general(self) -> list[Shown]:
        return [m for m in self.group.messages if m.from_bot and m.thread is None and not m.deleted]


@pytest.fixture
def topic(server: TelegramServer, platform: TelegramPlatform, alice: Person) -> Topic:
    return Topic(server, alice)


async def test_an_answer_whose_topic_was_closed_before_it_stands_in_the_group(
    platform: TelegramPlatform, outbox: Outbox, topic: Topic, alice: Person
) -> None:
    """Matt0550/TagEveryoneTelegramBot#26, openclaw/openclaw#18149: 400 TOPIC_CLOSED, and the answer is lost."""
    where = await topic.asked(alice)
    topic.group.closed.add(topic.id)
    await platform.deliver(outbox.row(where, 1), PAGE)
    await platform.deliver(outbox.row(where, 2), Message("", pictures=pictures(2)))
    assert [m.text for m in topic.in_general()] == ["Door\n\nIt is open.", "Panel 0", "Panel 1"]
    await platform.deliver(outbox.row(where, 1, attempt=2), PAGE)
    assert len(topic.in_general()) == 3


async def test_a_placeholder_in_a_closed_topic_is_answered_in_the_group(
    platform: TelegramPlatform, outbox: Outbox, topic: Topic, alice: Person
) -> None:
    where = await topic.asked(alice)
    await platform.place(outbox.row(where, 1), Progress("Writing"))
    (placed,) = outbox.recorded[1]
    topic.group.closed.add(topic.id)
    await platform.show_progress(where, placed, Progress("Writing", 50))
    await platform.deliver(outbox.row(where, 2, placeholder=placed), PAGE)
    assert [(m.text, m.labels) for m in topic.in_general()] == [("Door\n\nIt is open.", ["1"])]


async def test_an_answer_that_replaces_one_in_a_closed_topic_is_shown(
    platform: TelegramPlatform, outbox: Outbox, topic: Topic, alice: Person
) -> None:
    where = await topic.asked(alice)
    await platform.deliver(outbox.row(where, 1), PAGE)
    (first,) = outbox.recorded[1]
    topic.group.closed.add(topic.id)
    await platform.deliver(outbox.row(where, 2, edits=[first]), Message("Another page."))
    assert [m.text for m in topic.in_general()] == ["Another page."]
    await platform.deliver(outbox.row(where, 3, kind="mark", edit=first), PAGE)


@pytest.mark.parametrize("message", [PAGE, Message("", pictures=pictures(2)), Message("Which?", asks=Field("a", "A"))])
async def test_where_the_group_is_closed_too_the_platform_says_that_it_takes_nothing_there(
    platform: TelegramPlatform, outbox: Outbox, topic: Topic, alice: Person, message: Message
) -> None:
    """The courier then writes to the person in private."""
    where = await topic.asked(alice)
    await platform.place(outbox.row(where, 1), Progress("Writing"))
    (placed,) = outbox.recorded[1]
    topic.group.closed |= {topic.id, None}
    for row in (outbox.row(where, 2), outbox.row(where, 3, placeholder=placed), outbox.row(where, 4, edits=[placed])):
        with pytest.raises(Undeliverable, match="Topic_closed"):
            await platform.deliver(row, message)
    with pytest.raises(Undeliverable, match="Topic_closed"):
        await platform.place(outbox.row(where, 5), Progress("Writing"))
    assert topic.in_general() == []
    in_general = where.model_copy(update={"thread_id": ""})
    with pytest.raises(Undeliverable, match="Topic_closed"):
        await platform.deliver(outbox.row(in_general, 6), message)
