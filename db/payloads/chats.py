"""Payloads of the chats of a place."""

from typing import ClassVar

from db.payloads.base import Payload


class ChatList(Payload):
    """The chats of a place, as ``user`` sees their names."""

    kind: ClassVar[str] = "chat_list"

    user: int
    conversation: int


class ChatOpened(Payload):
    """A chat that was opened or named. ``message`` is the last answer there.

    It was ``imported`` with so many messages; so many lines were ``left_out``.
    """

    kind: ClassVar[str] = "chat_opened"

    account: int
    user: int
    chat: int
    message: int | None = None
    imported: int | None = None
    left_out: int = 0


class AuthorsNote(Payload):
    """The author's note of a chat."""

    kind: ClassVar[str] = "authors_note"

    account: int
    user: int
    chat: int


class ChatWritten(Payload):
    """A chat as a file, ``upload``, which goes once it is sent."""

    kind: ClassVar[str] = "chat_written"

    account: int
    user: int
    upload: int
