"""Roles by Telegram's rights."""

import pytest

from bot.platforms.telegram import TelegramPlatform, members
from tests.bot.telegram.conftest import RecordingInbound
from tests.doubles.telegram import Fault, Person, TelegramServer


@pytest.mark.parametrize(
    ("rights", "role"),
    [
        (("can_change_info",), "admin"),
        (("can_promote_members", "can_delete_messages"), "admin"),
        (("can_delete_messages", "can_restrict_members"), "moderator"),
        (("can_invite_users",), "moderator"),
        ((), "moderator"),
        (None, "owner"),
    ],
)
async def test_administrators(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person,
    rights: tuple[str, ...] | None, role: str,
) -> None:  # fmt: skip
    group = server.group("Readers", [alice])
    server.appoint(group, alice, *(rights or ()), owner=rights is None)
    await alice.say(group, "/help")
    user = (await inbound.wait(1)).user
    assert (user.role, user.roles) == (role, () if rights is None else ("admins",))


@pytest.mark.parametrize("left", [True, False])
async def test_the_restricted_and_strangers_are_guests(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person, left: bool
) -> None:
    group = server.group("Readers", [alice])
    server.restrict(group, alice, left=left)
    await alice.say(group, "/help")
    assert (await inbound.wait(1)).user.role == "guest"


async def test_what_telegram_does_not_say_makes_a_member(
    server: TelegramServer, platform: TelegramPlatform, inbound: RecordingInbound, alice: Person
) -> None:
    group = server.group("Readers", [alice])
    server.appoint(group, alice, owner=True)
    server.faults.add(Fault("flood", method="getChatMember", retry_after=1))
    for number in (1, 2):
        await alice.say(group, "/help")
        assert (await inbound.wait(number)).user.role == "member"
    assert len(server.calls("getChatMember")) == 1, "it is not asked again at once"


async def test_a_role_above_members_is_known_for_a_moment_only(
    server: TelegramServer,
    platform: TelegramPlatform,
    inbound: RecordingInbound,
    alice: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = server.group("Readers", [alice])
    for number, rights in enumerate((("can_change_info",), ("can_change_info",), None)):
        if rights is None:
            monkeypatch.setattr(members, "FRESH_SECONDS", 0.0)
            group.standing.clear()
        else:
            server.appoint(group, alice, *rights)
        await alice.say(group, "/help")
        assert (await inbound.wait(number + 1)).user.role == ("member" if rights is None else "admin")
    assert len(server.calls("getChatMember")) == 2, "not with every press"
