"""Personas that ship with the product, one YAML file each, in the order of their file names."""

from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from prompts.errors import PromptInvalid
from prompts.yaml_text import parse_yaml

Lines = Annotated[tuple[str, ...], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VoiceTopic(_Strict):
    """A topic that a persona has opinions on: its trigger words, and lines about it."""

    keywords: str
    lines: Lines


class Voice(_Strict):
    """A persona's lines for when no model writes their replies.

    Lines may hold alternatives ``[a|b]`` and the slots ``{user}``, ``{name}``, ``{echo}`` (what the user said about
    themselves, in second person), ``{noun}`` (a thing the user named), ``{trait}`` and ``{interest}``. A line
    is only used if all its slots have a value and it is not in the last ten replies.
    """

    greetings: Lines
    goodbyes: Lines
    thanks: Lines
    how_are_you: Lines
    about_self: Lines
    return_questions: Lines
    openers: Lines
    reflections: Lines
    noun_lines: Lines
    answers: Lines
    stories: Lines
    questions: Lines
    closers: Lines
    care: Lines
    wordless: Lines
    fallbacks: Lines
    feelings: dict[Literal["sad", "angry", "afraid", "glad"], Lines]
    topics: tuple[VoiceTopic, ...] = ()


class ShippedPersona(BaseModel):
    """A shipped persona: its lasting name, its lines, and its card, whose other fields are `db.personas.card`'s."""

    model_config = ConfigDict(extra="allow", frozen=True)

    key: str = Field(pattern=r"^[a-z_]+$")
    name: str
    voice: Voice

    def card(self) -> dict[str, Any]:
        """Return the whole card as JSON."""
        return self.model_dump(mode="json")


@lru_cache(maxsize=1)
def load_personas() -> tuple[ShippedPersona, ...]:
    """Return the shipped personas; new conversations start with the first. Raises `PromptInvalid`."""
    folder = files("prompts") / "personas"
    entries = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda entry: entry.name
    )
    return tuple(_card(entry.name, entry.read_text(encoding="utf-8")) for entry in entries)


@lru_cache(maxsize=1)
def default_voice() -> Voice:
    """Return the default voice of personas without their own. Raises `PromptInvalid`."""
    text = (files("prompts") / "personas" / "voices" / "plain.yaml").read_text(encoding="utf-8")
    try:
        return Voice.model_validate(parse_yaml(text))
    except ValueError as error:
        raise PromptInvalid(f"plain.yaml: {error}") from error


def _card(name: str, text: str) -> ShippedPersona:
    try:
        return ShippedPersona.model_validate(parse_yaml(text))
    except ValueError as error:
        raise PromptInvalid(f"{name}: {error}") from error
