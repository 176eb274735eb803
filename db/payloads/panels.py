"""Payloads of menus that change in place: the start, help, settings."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from db.payloads.base import Payload


class Panel(Payload):
    """A menu. ``owner`` is the person who may press its buttons (0: everybody), ``opened`` in minutes since 1970."""

    kind: ClassVar[str] = "panel"

    owner: int
    opened: int


class PanelPart(BaseModel):
    """The base of the parts of panels. Fields of a newer release are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class OfferedPremise(PanelPart):
    """A premise that was made for the panel; ``key`` is what its button carries."""

    key: str
    text: str
    genre: str


class StartPanel(Panel):
    """The first screen, and the pages behind its buttons.

    ``page``: ``hint`` is the short one under the answer to somebody's first message, ``chosen`` the end of beginning a
    story. ``place``: everybody in a group sees it. ``draws``, ``begins``, ``meets``: a picture can be drawn, a story
    begun, personas looked at here; ``talks``: this person may choose with whom everybody here talks. ``persona`` is the
    persona shown, with ``picture``, ``before`` and ``after`` are those next to it; ``premises`` are those offered,
    ``earlier`` those shown before, ``chosen`` names the one taken. ``listener`` is the name of the persona who answers
    plain text, ``story`` says that it goes into the open story.
    """

    kind: ClassVar[str] = "start"

    page: Literal["home", "hint", "story", "persona", "chosen"] = "home"
    place: bool = False
    draws: bool = False
    begins: bool = True
    meets: bool = True
    talks: bool = True
    listener: str = ""
    story: bool = False
    premises: list[OfferedPremise] = Field(default_factory=list[OfferedPremise])
    earlier: list[OfferedPremise] = Field(default_factory=list[OfferedPremise])
    genre: str = ""
    chosen: str = ""
    persona: int = 0
    before: int = 0
    after: int = 0
    number: int = 0
    personas: int = 0
    picture: int | None = None


class HelpPanel(Panel):
    """What one can do: the topics, or the commands of one.

    ``withheld`` are parameters that the person may not use, as ``command.parameter``.
    """

    kind: ClassVar[str] = "help"

    topics: list[str] = Field(default_factory=list[str])
    topic: str = ""
    commands: list[str] = Field(default_factory=list[str])
    withheld: list[str] = Field(default_factory=list[str])


class ShownPreference(PanelPart):
    """A preference and its present value. ``label`` and ``value`` are wording keys, or texts."""

    name: str
    label: str
    value: str


class OfferedValue(PanelPart):
    """A value to choose; ``key`` is what its button carries, ``label`` a wording key or a text."""

    key: str
    label: str
    chosen: bool = False


class SettingsPanel(Panel):
    """The settings of the person or the place, or one of them with its values.

    ``page`` is ``person`` or ``place``, ``tabs`` are those that the person may open. ``preference`` is the one that is
    open, with its ``help``, ``values`` and whether it can be ``typed``. ``saved`` is the one that was just changed.
    ``stale``: the panel had been open for too long, so nothing was changed.
    """

    kind: ClassVar[str] = "settings"

    page: str
    tabs: list[str] = Field(default_factory=list[str])
    entries: list[ShownPreference] = Field(default_factory=list[ShownPreference])
    preference: ShownPreference | None = None
    help: str = ""
    values: list[OfferedValue] = Field(default_factory=list[OfferedValue])
    typed: bool = False
    saved: ShownPreference | None = None
    prompts: bool = False
    stale: bool = False
