"""The members of groups: what role Telegram's own rights give somebody there.

One ``getChatMember`` per person and group in `KEPT_SECONDS`. Of somebody who is more than a member, and for what takes
more, Telegram is asked again after `FRESH_SECONDS`: whoever was demoted changes nothing any more, by no button either.
"""

import logging
import time
from dataclasses import dataclass, field
from typing import Final, Literal

from telegram import Bot, Chat, ChatMember, ChatMemberAdministrator, ChatMemberRestricted, ChatMemberUpdated, User
from telegram.constants import ChatMemberStatus, ChatType
from telegram.error import BadRequest, TelegramError

from db.permissions import Role, at_least

log = logging.getLogger(__name__)

KEPT_SECONDS: Final = 300.0
FRESH_SECONDS: Final = 20.0
FAILED_SECONDS: Final = 20.0
"""After a failed look-up nobody is looked up again for so long, per person and group."""
KNOWN: Final = 10_000
"""How many people's roles are remembered."""
_STRANGER: Final = ("not found", "participant")
ADMINS: Final = "admins"
"""The key by which a place maps all administrators of a group; one with a title has it as a second key."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A person's role in a group, and the keys by which the group may map it to another."""

    role: Role
    roles: tuple[str, ...] = ()


PRIVATE: Final = Membership("owner")
MEMBER: Final = Membership("member")
GUEST: Final = Membership("guest")
ANONYMOUS: Final = Membership("admin", (ADMINS,))
"""An administrator who hides behind the group; Telegram does not say which."""


@dataclass(slots=True)
class Members:
    """The roles of people in groups, looked up when needed."""

    bot: Bot
    _known: dict[tuple[int, int], tuple[Membership, float]] = field(
        default_factory=dict[tuple[int, int], tuple[Membership, float]], init=False
    )

    def known(self, chat: Chat, user: User) -> Membership:
        """Return a person's membership as far as it is known; a member's if it is not."""
        if chat.type == ChatType.PRIVATE:
            return PRIVATE
        return self._known.get((chat.id, user.id), (MEMBER, 0.0))[0]

    async def of(self, chat: Chat, user: User, *, fresh: bool = False) -> Membership:
        """Return a person's membership; ``fresh``: not an old one. Where Telegram does not say, a member's."""
        if chat.type == ChatType.PRIVATE:
            return PRIVATE
        key, now = (chat.id, user.id), time.monotonic()
        found, asked = self._known.get(key, (MEMBER, -KEPT_SECONDS))
        fresh = fresh or at_least(found.role, "moderator")
        if now - asked < (FRESH_SECONDS if fresh else KEPT_SECONDS):
            return found
        try:
            found = membership(await self.bot.get_chat_member(chat.id, user.id, read_timeout=3))
        except (TelegramError, TypeError) as e:
            # A `TypeError`: the library insists on a right that this server does not know.
            log.warning("Telegram did not say what somebody may do in chat %s: %s", chat.id, type(e).__name__)
            # A stranger to the group is an error, too, and so is a list of members that is hidden from the bot.
            stranger = isinstance(e, BadRequest) and any(word in e.message.lower() for word in _STRANGER)
            found, now = GUEST if stranger else MEMBER, now - KEPT_SECONDS + FAILED_SECONDS
        self._known.pop(key, None)
        self._known[key] = found, now
        if len(self._known) > KNOWN:
            self._known.pop(next(iter(self._known)))
        return found

    async def reads_all(self, chat: Chat) -> bool | None:
        """Return whether Telegram shows the bot everything that is written in a group; None if it does not say.

        It does to administrators, and to bots whose privacy mode is off.
        """
        try:
            if _manages(await self.bot.get_chat_member(chat.id, self.bot.id, read_timeout=3)):
                return True
            return bool((await self.bot.get_me(read_timeout=3)).can_read_all_group_messages)
        except (TelegramError, TypeError) as e:
            log.warning("Telegram did not say what the bot may read in chat %s: %s", chat.id, type(e).__name__)
            return None


def presence(change: ChatMemberUpdated) -> Literal["added", "removed", "demoted"] | None:
    """Return what became of the bot in a chat; None if it was and is there as before, or was and is not."""
    before, now = (_is_there(member) for member in (change.old_chat_member, change.new_chat_member))
    if before and now:
        manages = [_manages(member) for member in (change.old_chat_member, change.new_chat_member)]
        return "demoted" if manages == [True, False] else None
    return None if before == now else "added" if now else "removed"


def _manages(member: ChatMember) -> bool:
    return member.status in (ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR)


def _is_there(member: ChatMember) -> bool:
    if isinstance(member, ChatMemberRestricted):
        return member.is_member
    return member.status not in (ChatMemberStatus.LEFT, ChatMemberStatus.BANNED)


def membership(member: ChatMember) -> Membership:
    """Return the role that Telegram's rights give.

    An administrator who may change the group's information or appoint administrators is one here; one who only keeps
    order (deletes messages, restricts members, and the like) is a moderator. A restricted member is a guest.
    """
    if member.status == ChatMemberStatus.OWNER:
        return Membership("owner")
    if isinstance(member, ChatMemberAdministrator):
        role: Role = "admin" if member.can_change_info or member.can_promote_members else "moderator"
        return Membership(role, (ADMINS, *([member.custom_title] if member.custom_title else [])))
    if isinstance(member, ChatMemberRestricted):
        return GUEST
    return MEMBER if member.status == ChatMemberStatus.MEMBER else GUEST
