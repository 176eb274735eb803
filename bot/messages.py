"""Outbound messages, neutral: what a person should see. Each platform renders them within its own limits.

Text is plain text with at most light emphasis (``*italic*``, ``**bold**``; see bot.markup): nothing else in it is
markup, so a renderer escapes whatever its platform would read as such.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

ButtonStyle = Literal["primary", "secondary", "success", "danger"]


@dataclass(frozen=True, slots=True)
class Button:
    """A button. ``action`` is packed data of at most 64 bytes; ``word`` is what a console user types to press it."""

    label: str
    action: str
    word: str = ""
    style: ButtonStyle = "secondary"
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One question of a form. Lengths are in characters."""

    name: str
    label: str
    placeholder: str = ""
    multiline: bool = False
    required: bool = True
    max_length: int = 1000


@dataclass(frozen=True, slots=True)
class Form:
    """A form. ``action`` is the packed action that opened it and comes back with the answers."""

    title: str
    action: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file to send: its bytes, type and name."""

    data: bytes
    mime: str
    name: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a message. ``load`` fetches its file: ``full``, or a ``photo`` where platforms recompress.

    ``alt`` is its description for who does not see it. ``hidden``: shown only to who taps on it. ``document``: sent as
    a file, not as something to look at, where the platform tells these apart.
    """

    load: Callable[[Literal["full", "photo"]], Awaitable[PictureFile]]
    alt: str
    hidden: bool = False
    document: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message, of any length: platforms split it, buttons stand under the last part.

    ``choices`` are shown in full, numbered from 1, between body and footer; ``taken`` is the number of the choice
    that was taken, if any. ``speaker`` is the persona who talks. ``private`` messages are for the person who asked
    only, where the platform can do that. ``asks`` is the field that the person's next text answers. ``thread`` is the
    name of a thread that this message wants to open and stand in, where the platform has threads. ``picture`` is shown
    with the text, which is short then.
    """

    body: str
    title: str = ""
    speaker: str = ""
    choices: tuple[str, ...] = ()
    taken: int | None = None
    footer: str = ""
    buttons: tuple[tuple[Button, ...], ...] = ()
    private: bool = False
    asks: Field | None = None
    thread: str = ""
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a running job is: shown in place of the answer until it comes, and may be lost.

    ``percent`` is 0–100; ``position`` counts the jobs in front of a queued one; ``text`` is the text so far.
    """

    note: str
    percent: int = 0
    position: int = 0
    text: str = ""
    buttons: tuple[tuple[Button, ...], ...] = field(default=())
