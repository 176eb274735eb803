"""What the bot cannot read is answered by one line, never by silence; what is not meant for it, by none."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from bot.events import Command, EditedMessage, IncomingFile, TextMessage, Unreadable
from bot.messages import Message
from bot.platforms.telegram import TelegramPlatform
from tests.bot.telegram.conftest import Outbox, RecordingInbound
from tests.doubles.telegram import Chat, Person, TelegramServer

Json = dict[str, Any]
FILE: Final[Json] = {"file_id": "f", "file_unique_id": "u", "file_size": 5}
PICTURE: Final[Json] = {**FILE, "width": 9, "height": 9}
KINDS: Final[Mapping[str, tuple[Json, str]]] = {
    "voice": ({"voice": {**FILE, "duration": 2}}, "voice"),
    "round video": ({"video_note": {**FILE, "length": 9, "duration": 2}}, "video"),
    "video": ({"video": {**PICTURE, "duration": 2}}, "video"),
    "sticker": ({"sticker": {**PICTURE, "type": "regular", "is_animated": False, "is_video": False}}, "sticker"),
    # As an older or newer server may send it: the library cannot parse it.
    "poll": ({"poll": {"id": "1", "question": "?"}}, "other"),
    "location": ({"location": {"longitude": 1.0, "latitude": 2.0}}, "location"),
    "contact": ({"contact": {"phone_number": "1", "first_name": "Bob"}}, "contact"),
    "dice": ({"dice": {"emoji": "🎲", "value": 3}}, "dice"),
}  # fmt: skip


class Post:
    """Sends raw messages of a person."""

    def __init__(self, server: TelegramServer, person: Person) -> None:
        self._server, self._person, self._next = server, person, 1000

    def send(self, to: Chat | None = None, **body: Any) -> None:
        self._next += 1
        where = self._person.chat() if to is None else to
        message = {"message_id": self._next, "date": 1, "chat": where.to_json(), "from": self._person.user.to_json()}
        self._server.updates.add("message", where.id, message | body)


@pytest.fixture
def post(server: TelegramServer, alice: Person) -> Post:
    return Post(server, alice)


@pytest.mark.parametrize("name", KINDS)
async def test_each_kind_is_one_event(
    platform: TelegramPlatform, inbound: RecordingInbound, post: Post, name: str
) -> None:
    body, kind = KINDS[name]
    post.send(**body)
    assert (await inbound.wait(1)).payload == Unreadable(kind=kind)  # type: ignore[arg-type]


async def test_a_sticker_stands_for_its_emoji(
    platform: TelegramPlatform, inbound: RecordingInbound, post: Post
) -> None:
    post.send(sticker={**KINDS["sticker"][0]["sticker"], "emoji": "😼"})
    assert (await inbound.wait(1)).payload == Unreadable(kind="sticker", stands_for="😼")


@pytest.mark.parametrize(
    ("body", "name", "mime"),
    [
        ({"photo": [PICTURE]}, "photo.jpg", "image/jpeg"),
        ({"document": {**FILE, "file_name": "a.png", "mime_type": "image/png"}}, "a.png", "image/png"),
    ],
)
async def test_a_picture_comes_with_its_words_and_is_fetched_later(
    platform: TelegramPlatform, inbound: RecordingInbound, post: Post, body: Json, name: str, mime: str
) -> None:
    post.send(**body, caption="my boat")
    file = IncomingFile(name=name, mime=mime, source="f")
    assert (await inbound.wait(1)).payload == TextMessage(text="my boat", file=file)


async def test_words_beside_what_the_library_cannot_parse_are_read(
    platform: TelegramPlatform, inbound: RecordingInbound, post: Post
) -> None:
    post.send(text="what do you think?", external_reply={"origin": 7}, quote="odd")
    assert (await inbound.wait(1)).payload == TextMessage(text="what do you think?")


async def test_an_album_is_answered_once(
    platform: TelegramPlatform, inbound: RecordingInbound, post: Post, alice: Person
) -> None:
    for _ in range(4):
        post.send(photo=[PICTURE], media_group_id="g1")
    document = {**FILE, "file_name": "a.txt", "mime_type": "text/plain"}
    for _ in range(3):
        post.send(document=document, media_group_id="g2")
    post.send(photo=[PICTURE], media_group_id="g3", caption="I show them my map")
    for _ in range(3):
        post.send(photo=[PICTURE], media_group_id="g3")
    await alice.say(alice.chat(), "the end")
    await inbound.wait(9)
    ids = [event.event_id for event in inbound.events]
    assert len(set(ids)) == 4  # the inbox drops the replays
    assert {type(event.payload) for event in inbound.events if event.event_id == f"a{alice.id}.g1"} == {TextMessage}
    captioned = [e.payload.text for e in inbound.events if isinstance(e.payload, TextMessage) and e.payload.text]
    assert captioned == ["I show them my map", "the end"]


async def test_a_message_of_telegram_itself_is_none(
    platform: TelegramPlatform, inbound: RecordingInbound, post: Post, alice: Person
) -> None:
    post.send(message_auto_delete_timer_changed={"message_auto_delete_time": 60})
    post.send(write_access_allowed={})
    await alice.say(alice.chat(), "hi")
    assert (await inbound.wait(1)).payload == TextMessage(text="hi")


async def test_in_a_group_only_what_replies_to_the_bot(
    server: TelegramServer,
    platform: TelegramPlatform,
    inbound: RecordingInbound,
    outbox: Outbox,
    alice: Person,
    post: Post,
) -> None:
    group = server.group("Readers", [alice], privacy=False)
    await alice.say(group, "/help@storyfork_bot")
    event = await inbound.wait(1)
    await platform.deliver(outbox.row(event.destination), Message(body="Page"))
    page = await alice.wait_for_message(group, "Page")
    sticker = KINDS["sticker"][0]
    post.send(group, **sticker)
    post.send(group, **sticker, reply_to_message=page.to_json())
    assert (await inbound.wait(2)).payload == Unreadable(kind="sticker")


async def test_posts_that_a_channel_forwards_into_its_group_are_nobodys(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person, post: Post
) -> None:
    group = server.group("Readers", [alice], privacy=False)
    channel = {"id": -1009, "type": "channel", "title": "News"}
    telegram = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
    forwarded: Json = {"is_automatic_forward": True, "sender_chat": channel, "from": telegram}
    post.send(group, **forwarded, text="/help@storyfork_bot")
    post.send(group, **forwarded, text="as @storyfork_bot says", photo=[PICTURE])
    await alice.say(group, "/help@storyfork_bot")
    assert (await inbound.wait(1)).user.external_id == str(alice.id)


async def test_who_writes_as_a_channel_is_asked_to_write_as_themselves(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person, post: Post
) -> None:
    group = server.group("Readers", [alice], privacy=False)
    masked: Json = {
        "sender_chat": {"id": -1009, "type": "channel", "title": "News"},
        "from": {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"},
    }
    post.send(group, **masked, text="nice weather")
    post.send(group, **masked, text="/story_new@storyfork_bot a door")
    event = await inbound.wait(1)
    assert (event.payload, event.user.role) == (Unreadable(kind="channel"), "guest")
    assert (event.user.external_id, event.user.name) == ("-1009", "News"), "each channel is somebody of its own"
    forwarded: Json = {**masked, "from": {"id": 777000, "is_bot": False, "first_name": "Telegram"}}
    post.send(group, **forwarded, is_automatic_forward=True, text="/help@storyfork_bot")
    post.send(group, **forwarded, text="/help@storyfork_bot")
    await alice.say(group, "/help@storyfork_bot")
    assert (await inbound.wait(2)).user.external_id == str(alice.id), "what a channel's posts say is nobody's"


async def test_anonymous_admins_are_served_as_admins(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person, post: Post
) -> None:
    group = server.group("Readers", [alice], privacy=False)
    anonymous: Json = {
        "sender_chat": group.to_json(),
        "from": {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"},
    }
    post.send(group, **anonymous, text="/prompt_set narrator")
    event = await inbound.wait(1)
    assert isinstance(event.payload, Command)
    assert (event.user.role, event.user.anonymous) == ("admin", True)
    assert (event.user.external_id, event.user.name) == (str(group.id), "Readers"), "they act as their group"
    assert event.destination.user_id == str(group.id)
    other = server.group("Writers", [alice], privacy=False)
    post.send(other, **{**anonymous, "sender_chat": other.to_json()}, text="/prompt_set narrator")
    assert (await inbound.wait(2)).user.external_id == str(other.id), "each group is somebody of its own"
    assert server.calls("getChatMember") == []


async def test_a_group_that_became_a_supergroup_is_moved_first(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person, post: Post
) -> None:
    group = server.group("Readers", [alice], privacy=False)
    post.send(group, migrate_from_chat_id=-77)
    await alice.say(group, "/help@storyfork_bot")
    await inbound.wait(1)
    assert inbound.moves == [("-77", str(group.id))]
    old: Json = {"id": -78, "type": "group", "title": "Readers"}
    post.send(migrate_to_chat_id=-10078, chat=old)
    await alice.say(alice.chat(), "hi")
    await inbound.wait(2)
    assert ("-78", "-10078") in inbound.moves


async def test_edits_of_live_locations_are_no_events(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person
) -> None:
    said = await alice.say(alice.chat(), "hi")
    body = {**said.to_json(), "edit_date": 5, "location": {"longitude": 1.0, "latitude": 2.0}}
    server.updates.add("edited_message", alice.id, {k: v for k, v in body.items() if k != "text"})
    await alice.edit(said, "hello")
    first = (await inbound.wait(1)).event_id
    assert (await inbound.wait(2)).payload == EditedMessage(text="hello", message_id=str(said.id), said=first)
