"""Inbound events, neutral: what a platform's listener hands to the router.

A listener turns whatever its client library delivers into one `Event` and hands it on; it decides nothing.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Final, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from db.permissions import Role

ConversationKind = Literal["dm", "group", "thread"]


TEXT_LENGTH: Final = 200_000
"""Characters of a text that are kept. Commands and forms refuse much shorter ones; PostgreSQL indexes up to 1 MB."""
ID_LENGTH: Final = 160
"""Characters of an id that are kept, fewer than the inbox has for a platform and an id; platforms' ids are shorter."""
NAME_LENGTH: Final = 300
GENERAL: Final = "general"
"""The key of a channel that is the place itself: a group without topics, or its general topic."""


def _storable(value: object) -> object:
    """Strip what PostgreSQL cannot store from a client's texts, however deep they are: NUL and lone surrogates."""
    match value:
        case str():
            if not value.isascii():
                # Pairs of surrogates, as JavaScript counts them, are one character.
                value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return value.replace("\0", "")[:TEXT_LENGTH]
        case dict():
            texts = cast("dict[object, object]", value)
            return {_storable(key): _storable(each) for key, each in texts.items()}
        case list() | tuple():
            return [_storable(each) for each in cast("Sequence[object]", value)]
        case _:
            return value


def _bounded_id(value: str) -> str:
    """Keep ids that nobody has given out apart, in the length that indexes take."""
    if len(value) <= ID_LENGTH:
        return value
    return f"{value[: ID_LENGTH - 33]}#{hashlib.sha256(value.encode()).hexdigest()[:32]}"


def _one_line(value: str) -> str:
    """Keep a name from changing the direction or the lines of the text around it."""
    return value.translate(_UNRULY)[:NAME_LENGTH]


_UNRULY: Final = dict.fromkeys([*range(0x20), 0x7F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029])
Id = Annotated[str, AfterValidator(_bounded_id)]
Name = Annotated[str, AfterValidator(_one_line)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _keep_storable(cls, fields: object) -> object:
        return _storable(fields)


class AccountRef(_Frozen):
    """The owner of this event's data: a Discord guild, a DM user, a Telegram chat, the console's user."""

    kind: Literal["guild", "dm", "group", "console"]
    external_id: Id
    name: Name = ""


class UserRef(_Frozen):
    """The person. ``role`` is theirs by the platform's permissions; ``roles`` are the keys by which a place maps roles:
    those of a Discord member's roles, a Telegram administrator's title. ``username`` is the one by which they are
    mentioned, without @: empty if they have none, None if the event does not say.

    ``anonymous``: one of a group's administrators who hide behind it; who presses a button is not hidden.
    """

    external_id: Id
    name: Name
    username: Name | None = None
    language: Id = ""
    role: Role = "member"
    roles: tuple[Id, ...] = ()
    anonymous: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read_old(cls, fields: object) -> object:
        """Read what an earlier release stored: ``is_admin`` instead of a role."""
        if not isinstance(fields, dict) or "is_admin" not in fields:
            return fields
        stored = dict(cast("dict[str, object]", fields))
        role = "admin" if stored.pop("is_admin") else "member"
        return {"role": role, **stored}


class ConversationRef(_Frozen):
    """The place. A Discord thread is a chat of its own; a Telegram topic is a ``thread_id`` of its chat.

    ``parent``: the channel of a thread that is a chat of its own, whose rules hold there too.
    ``adult``: the platform itself keeps minors out; None if the platform has no such places.
    """

    chat_id: Id
    thread_id: Id = ""
    kind: ConversationKind
    adult: bool | None = None
    parent: Id = ""


class Destination(_Frozen):
    """What the courier needs to answer the event; kept as JSON in the outbox.

    ``handle`` belongs to the platform (interaction token, callback query id …) and is opaque elsewhere.
    ``pressed_message`` is the platform's id of the message whose button was pressed.
    """

    chat_id: Id
    thread_id: Id = ""
    user_id: Id
    kind: ConversationKind
    reply_to: Id = ""
    pressed_message: Id = ""
    handle: dict[str, JsonValue] = {}


class IncomingFile(_Frozen):
    """A file that a person sent. ``problem`` is the wording key if it was refused, with its ``values``.

    Until it is fetched, ``source`` is the platform's handle of it. ``stored`` is the value of the command's parameter
    if it was stored already.
    """

    name: Name = ""
    mime: Name = ""
    data: bytes = b""
    problem: str = ""
    values: dict[str, str | int] = {}
    source: str = ""
    stored: str = ""

    @property
    def awaited(self) -> bool:
        """Whether it is still to be fetched."""
        return bool(self.source) and not (self.data or self.problem or self.stored)


class Command(_Frozen):
    """A command with its raw parameter values by name, as typed. ``name`` is the full name, ``story new``.

    ``rest`` is free text after the command where the platform has no named parameters: the command's first required
    parameter takes it. ``file`` is the attachment for the command's parameter of kind ``bytes``. ``reply_to`` is the
    platform's id of the message that the command replies to, whosever that is.
    """

    type: Literal["command"] = "command"
    name: str
    values: dict[str, str] = {}
    rest: str = ""
    file: IncomingFile | None = None
    reply_to: Id = ""


class ButtonPress(_Frozen):
    """A pressed button; ``data`` is the packed action (bot.actions.packing).

    ``offered``: whether the platform says that the pressed message is the bot's and has this button; False if the
    message is somebody else's, None if the platform does not say.
    """

    type: Literal["press"] = "press"
    data: str
    offered: bool | None = None


class Submit(_Frozen):
    """A filled-in form; ``form`` is the packed action that opened it, ``values`` by field name.

    A prefilled field that is missing from ``values`` keeps its current text. ``offered`` as in `ButtonPress`.
    """

    type: Literal["submit"] = "submit"
    form: str
    values: dict[str, str]
    offered: bool | None = None


class TextMessage(_Frozen):
    """Plain text. ``addressed``: the bot was mentioned, or its message replied to, or it is a DM.

    ``file`` is a text file or a picture that came with it (``text`` is its caption then, and may be empty): the answer
    to a question may be longer than a message, and a persona may be shown something.
    """

    type: Literal["said"] = "said"
    text: str
    addressed: bool = True
    reply_to: Id = ""
    file: IncomingFile | None = None


UnreadableKind = Literal[
    "voice", "video", "picture", "sticker", "file", "location", "poll", "contact", "dice", "other", "channel", "reply"
]


class Unreadable(_Frozen):
    """A message to the bot that holds nothing it can read; ``kind`` is the wording's name (section ``unreadable``).

    ``channel``: it comes from a channel, so that nobody knows which person wrote it. ``reply``: the platform does not
    show what it says, because it replies to a persona. ``stands_for`` are the words, or the emoji, for which a sticker
    stands: "" if the platform does not say.
    """

    type: Literal["unreadable"] = "unreadable"
    kind: UnreadableKind
    stands_for: Name = ""


class EditedMessage(_Frozen):
    """The new text of an edited message; ``message_id`` is the platform's. ``addressed`` as in `TextMessage`.

    ``said`` is the id of the event in which its first text came; "" if nobody knows it.
    """

    type: Literal["edited"] = "edited"
    text: str
    message_id: Id
    said: Id = ""
    addressed: bool = True


class Reaction(_Frozen):
    """A reaction to a message, usually one of the bot's: ``emoji`` in the platform's notation, added or removed."""

    type: Literal["reaction"] = "reaction"
    emoji: str
    message_id: Id
    added: bool


class BotMembership(_Frozen):
    """The bot was added to a place, or removed from it; in a private chat: unblocked or blocked.

    ``demoted``: it stays, and the platform no longer shows it what is not addressed to it.
    """

    type: Literal["membership"] = "membership"
    change: Literal["added", "removed", "demoted"]


class MenuPick(_Frozen):
    """An entry of a message's context menu; ``name`` is the `bot.menus.MenuSpec`'s, the rest describes the message."""

    type: Literal["menu"] = "menu"
    name: str
    message_id: Id
    author_is_bot: bool
    text: str


Payload = Annotated[
    Command | ButtonPress | Submit | TextMessage | Unreadable | EditedMessage | Reaction | MenuPick | BotMembership,
    Field(discriminator="type"),
]


class Event(_Frozen):
    """One thing a person did.

    ``event_id`` is unique on its platform and equal in every replay of the event; it is the inbox's key.
    ``deferred``: the platform itself shows that an answer is coming (Discord's "thinking"), so no placeholder
    message is needed. ``file_bytes``: the largest file that an answer may carry there; None: as everywhere.
    ``reads_all``: whether the platform shows the bot everything that is written there; None: the event does not say.
    """

    platform: str
    event_id: Id
    account: AccountRef
    user: UserRef
    conversation: ConversationRef
    destination: Destination
    payload: Payload
    deferred: bool = False
    file_bytes: int | None = None
    reads_all: bool | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The keys by which a place's rules name this channel, most specific first (`channel_key`)."""
        place, here = self.account.external_id, self.conversation
        keys = [channel_key(place, here.chat_id, here.thread_id)]
        return (*keys, channel_key(place, here.parent)) if here.parent else tuple(keys)

    @property
    def key(self) -> str:
        """The inbox key: platform and event id."""
        return f"{self.platform}:{self.event_id}"


def channel_key(place: str, chat_id: str, thread_id: str = "") -> str:
    """Return the key by which rules of a place name a channel: a topic's id, else the chat's.

    The chat that is the place itself is called `GENERAL`, so that its rules survive a change of its id.
    """
    return thread_id or (GENERAL if chat_id == place else chat_id)
