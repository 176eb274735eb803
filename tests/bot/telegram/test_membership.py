"""The bot is added to groups and removed, unblocked and blocked; each change is one event."""

from bot.events import BotMembership
from bot.platforms.telegram import TelegramPlatform
from tests.bot.telegram.conftest import RecordingInbound
from tests.doubles.telegram import Person, TelegramServer


async def test_a_group_adds_the_bot(platform: TelegramPlatform, inbound: RecordingInbound, server: TelegramServer):
    ann, bob = server.person("ann"), server.person("bob")
    group = server.group("Readers", [ann, bob])
    event = await inbound.membership(1)
    assert event.payload == BotMembership(change="added")
    assert (event.account.kind, event.account.external_id) == ("group", str(group.id))
    assert event.user.external_id == str(ann.id)
    assert (event.destination.chat_id, event.destination.kind) == (str(group.id), "group")
    assert event.event_id.startswith(f"b{group.id}.")
    assert inbound.events == []


async def test_a_person_blocks_and_unblocks(platform: TelegramPlatform, inbound: RecordingInbound, alice: Person):
    await alice.say(alice.chat(), "hello")
    await inbound.wait(1)
    alice.block()
    blocked = await inbound.membership(1)
    assert (blocked.payload, blocked.account.kind) == (BotMembership(change="removed"), "dm")
    alice.unblock()
    assert (await inbound.membership(2)).payload == BotMembership(change="added")
