"""Payloads of personas and their chat."""

from typing import ClassVar

from db.payloads.base import Payload


class PersonaList(Payload):
    """The personas that a person sees in an account."""

    kind: ClassVar[str] = "personas"

    account: int
    user: int = 0


class Greeting(Payload):
    """A persona's first words."""

    kind: ClassVar[str] = "greeting"

    account: int
    persona: int


class ChatReply(Payload):
    """A persona's reply. ``stopped``: a person ended it early."""

    kind: ClassVar[str] = "chat_reply"

    message: int
    stopped: bool = False
