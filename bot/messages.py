"""Outbound messages, platform-neutral: what the person should see. Each platform renders them within its own limits.

Text is plain text with at most light emphasis (``*italic*``, ``**bold**``; see bot.text.markup): nothing else in it is
markup, so a renderer escapes whatever its platform would read as such.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal

ButtonStyle = Literal["primary", "secondary", "success", "danger"]
FIELDS: Final = 5
"""Maximum number of fields of a form: what Discord's dialogs show."""
ButtonRole = Literal["", "keep", "skip", "clear"]


@dataclass(frozen=True, slots=True)
class Button:
    """A button. ``action`` is packed data of at most 64 bytes; ``word`` is what a console user types to press it.

    ``url`` makes it a link that opens in the person's browser; it has no action then. ``role`` is set on the buttons of
    a question (`Message.asks`): ``keep`` leaves the field unchanged, ``skip`` and ``clear`` leave it empty.
    """

    label: str
    action: str = ""
    word: str = ""
    style: ButtonStyle = "secondary"
    disabled: bool = False
    url: str = ""
    role: ButtonRole = ""


@dataclass(frozen=True, slots=True)
class SelectOption:
    """One line of a select. Choosing it does the same as pressing a button with this ``action`` and ``word``.

    ``chosen`` marks the present value.
    """

    label: str
    action: str
    description: str = ""
    word: str = ""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """A menu of which one option can be chosen: a drop-down list where the platform has one, else buttons."""

    placeholder: str
    options: tuple[SelectOption, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One question of a form. Lengths are in characters. ``value`` is the current text, which the person may edit.

    ``choices``: the ``(label, value)`` pairs that answer it, if nothing else does.
    """

    name: str
    label: str
    placeholder: str = ""
    multiline: bool = False
    required: bool = True
    max_length: int = 1000
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()

    def chosen(self, answer: str) -> str | None:
        """Return the value that an answer names by label or value; None if there is no such choice."""
        wanted = answer.strip().casefold()
        return next((v for label, v in self.choices if wanted in {label.casefold(), v.casefold()}), None)


@dataclass(frozen=True, slots=True)
class Form:
    """A form of at most `FIELDS`. ``action`` is the packed action that opened it and comes back with the answers."""

    title: str
    action: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file to send: its bytes, media type and name."""

    data: bytes
    mime: str
    name: str


@dataclass(frozen=True, slots=True)
class OutgoingPicture:
    """A picture to look at. ``load`` returns its file: ``full``, or a ``photo`` where platforms recompress.

    ``alt`` is its description for people who cannot see it. ``hidden``: covered until the person taps on it.
    """

    load: Callable[[Literal["full", "photo"]], Awaitable[FileContent]]
    alt: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Portrait:
    """A persona's picture; another picture has another ``key`` (letters and digits)."""

    key: str
    picture: OutgoingPicture


@dataclass(frozen=True, slots=True)
class Face:
    """What a platform may show beside a persona's words; looked up only where it is shown.

    ``portrait`` returns the persona's picture, if everybody may see it, or None. ``is_new`` returns whether the persona
    has said nothing in that chat before.
    """

    portrait: Callable[[], Awaitable[Portrait | None]]
    is_new: Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of any type, sent unchanged: a document, or audio where the platform has a player for its type.

    ``description`` and ``hidden`` work like `OutgoingPicture.alt` and ``hidden``, where platforms support them.
    ``size`` is that of a large file, in bytes: few of these are loaded at a time.
    """

    load: Callable[[], Awaitable[FileContent]]
    description: str = ""
    hidden: bool = False
    size: int = 0

    @classmethod
    def of(cls, data: bytes, mime: str, name: str) -> "Attachment":
        """Return an attachment made from bytes in memory."""

        async def load() -> FileContent:
            return FileContent(data, mime, name)

        return cls(load)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, shown in aligned columns, or as lines ``column: value`` where it would be too wide."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        """Raise `ValueError` if a row has too few or too many cells."""
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"every row must have {len(self.columns)} cells")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of any length: platforms split it, the buttons stand under the last part.

    ``table`` follows the body. ``choices`` are shown in full, numbered from 1, between body and footer; ``taken``
    is the number of the chosen one, if any. ``speaker`` is the persona who talks, ``face`` how they look. ``private``
    messages are visible only to the person who asked, where the platform supports that. ``asks`` is the field that the
    person's next text answers. ``thread`` is the name of a thread to open for this message, where the platform has
    threads. With ``pictures`` the text is short: it is their caption. A ``menu`` leads on by its buttons: the console
    numbers them all.
    """

    body: str
    title: str = ""
    speaker: str = ""
    face: Face | None = field(default=None, compare=False)
    table: Table | None = None
    choices: tuple[str, ...] = ()
    taken: int | None = None
    footer: str = ""
    selects: tuple[Select, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    private: bool = False
    asks: Field | None = None
    thread: str = ""
    pictures: tuple[OutgoingPicture, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    menu: bool = False

    def actions(self) -> list[str]:
        """Return the packed data of what can be pressed or chosen."""
        buttons = [button.action for row in self.buttons for button in row if button.action]
        return buttons + [option.action for select in self.selects for option in select.options]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a running job: shown in place of the answer until it comes. May be lost.

    ``percent`` is 0–100; ``position`` is the number of jobs ahead of a queued one; ``text`` is the text so far.
    ``speaker`` and ``face`` are those of the persona whose answer it is, if that is known.
    """

    note: str
    percent: int = 0
    position: int = 0
    text: str = ""
    buttons: tuple[tuple[Button, ...], ...] = field(default=())
    speaker: str = ""
    face: Face | None = field(default=None, compare=False)
