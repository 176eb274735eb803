"""The lines of `prompts/personas/voices/kinds.yaml`: what anybody says, by the kind of what they are told."""

from functools import lru_cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from prompts.yaml_text import parse_yaml

Pool = Annotated[tuple[str, ...], Field(min_length=1)]


class KindLines(BaseModel):
    """Lines by kind. ``leads`` stand before a fact, ``unknown`` where there is none; ``back`` asks in return."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sheet: dict[str, Pool]
    leads: dict[str, Pool]
    again: Pool
    again_part: Pool
    instead: Pool
    unknown: dict[str, Pool]
    either: Pool
    either_do: Pool
    either_known: Pool
    social: dict[str, Pool]
    request: dict[str, Pool]
    after: Pool
    back: dict[str, Pool]
    endless: Pool


@lru_cache(maxsize=1)
def kind_lines() -> KindLines:
    """Return the lines, loaded at first use."""
    text = (files("prompts") / "personas" / "voices" / "kinds.yaml").read_text(encoding="utf-8")
    return KindLines.model_validate(parse_yaml(text))
