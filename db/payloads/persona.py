"""Payloads of personas and their chat."""

from typing import ClassVar, Literal

from db.payloads.base import Payload
from db.payloads.panels import Panel


class PersonaList(Panel):
    """The personas that a person sees, from ``start`` on. ``adults``: what is for adults may be shown there.

    ``here`` are those who talk in that conversation, ``called`` those of them who answer only when called.
    """

    kind: ClassVar[str] = "personas"

    start: int = 0
    adults: bool = False
    talks: bool = True
    here: tuple[int, ...] = ()
    called: tuple[int, ...] = ()


class PersonaShown(Panel):
    """A persona as its maker or others see it, or the menu to ``edit`` it.

    ``done`` is the wording of what has just happened. ``moderates``: this person may change what others made there;
    ``talks``: they may choose with whom everybody here talks.
    """

    kind: ClassVar[str] = "persona_shown"

    persona: int
    page: Literal["card", "edit"] = "card"
    done: str = ""
    moderates: bool = False
    talks: bool = False


class DeletePersona(Payload):
    """The question whether to delete a persona of ``account``; ``gone``: it is, and can be brought back."""

    kind: ClassVar[str] = "delete_persona"

    account: int
    persona: int
    gone: bool = False


class PersonaLink(Payload):
    """The link by which others may copy a persona."""

    kind: ClassVar[str] = "persona_link"

    user: int
    persona: int


class SharedPersona(Payload):
    """A persona that somebody was given a link to."""

    kind: ClassVar[str] = "shared_persona"

    code: str


class Greeting(Payload):
    """A persona's first words: the stored ``message``; None where the chat has begun already.

    ``forgot``: the chat was reset just before; ``begun``: it was begun beside another one.
    """

    kind: ClassVar[str] = "greeting"

    account: int
    persona: int
    message: int | None = None
    forgot: bool = False
    begun: bool = False


class ChatReply(Payload):
    """A persona's reply. ``stopped``: a person ended it early. ``quoted``: with what it answers.

    ``unseen``: it answers a picture, too, at which nobody has looked.
    """

    kind: ClassVar[str] = "chat_reply"

    message: int
    stopped: bool = False
    quoted: bool = False
    unseen: bool = False


class TurnUndone(Payload):
    """A turn that was taken back, with the persona's ``message``. ``last`` is the answer to take back next."""

    kind: ClassVar[str] = "turn_undone"

    message: int
    last: int | None = None


class Reworded(Payload):
    """A person has edited what they said; ``message`` is the answer to what it was before."""

    kind: ClassVar[str] = "reworded"

    message: int


class LineSuggested(Payload):
    """What ``user`` might say behind the answer ``message``; ``sent``: they have. It is stored nowhere else.

    ``text`` is dropped once they have (`db.outbox`, `db.sent_messages.forget_text`): it is their own words then.
    """

    kind: ClassVar[str] = "line_suggested"

    user: int
    message: int
    text: str = ""
    sent: bool = False
