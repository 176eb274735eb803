"""The writing material: scenes, endings, beats and the words of each genre, from ``prompts/stories/*.yaml``."""

from functools import lru_cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.offline.words import read_yaml

Genre = Literal["fantasy", "mystery", "science fiction", "horror", "romance", "adventure"]
Kind = Literal["bold", "careful", "curious"]
KINDS: tuple[Kind, ...] = ("bold", "careful", "curious")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Option(_Strict):
    """A choice as the player reads it (an imperative), and its outcome at the top of the next page."""

    do: str
    then: str


class SceneTemplate(_Strict):
    """One situation that calls for a decision. No ``genres`` means all."""

    title: str
    genres: tuple[Genre, ...] = ()
    text: str
    bold: Option
    careful: Option
    curious: Option

    def option(self, kind: Kind) -> Option:
        """Return the option of that kind."""
        return {"bold": self.bold, "careful": self.careful, "curious": self.curious}[kind]


class Extra(_Strict):
    """A choice that fits any page once the companion is there."""

    kind: Kind
    do: str
    then: str


class Ending(_Strict):
    """A last page, for the kind of choices that prevailed on the way."""

    title: str
    kind: Literal["bold", "careful", "curious", "own"]
    text: str


class Companion(_Strict):
    """A companion: a name and a role (without article)."""

    name: str
    role: str


class GenreWords(_Strict):
    """Details of a story of this genre that its premise leaves open."""

    keywords: str
    roles: tuple[str, ...]
    objects: tuple[str, ...]
    places: tuple[str, ...]
    dangers: tuple[str, ...]
    companions: tuple[Companion, ...]
    tokens: tuple[str, ...]
    spots: tuple[str, ...] = Field(min_length=12)
    atmosphere: tuple[str, ...] = Field(min_length=12)
    codas: tuple[str, ...]


class Beats(_Strict):
    """Short passages between scenes; each list is shared out among twelve pages."""

    intros: tuple[str, ...]
    arrivals: tuple[str, ...] = Field(min_length=12)
    companion: tuple[str, ...] = Field(min_length=24)
    pressure: tuple[str, ...] = Field(min_length=24)
    musings: tuple[str, ...] = Field(min_length=12)
    recaps: tuple[str, ...]
    deeds: tuple[str, ...] = Field(min_length=12)
    words_spoken: tuple[str, ...] = Field(min_length=12)
    quoted: tuple[str, ...] = Field(min_length=12)
    results: dict[Literal["bold", "careful", "curious", "own"], tuple[str, ...]]


class Catalog(_Strict):
    """Everything the story grammar writes with."""

    genres: dict[Genre, GenreWords]
    openings: tuple[SceneTemplate, ...]
    meetings: tuple[SceneTemplate, ...]
    complications: tuple[SceneTemplate, ...]
    turns: tuple[SceneTemplate, ...]
    climaxes: tuple[SceneTemplate, ...]
    endings: tuple[Ending, ...]
    extras: tuple[Extra, ...]
    beats: Beats

    def scenes(self) -> tuple[SceneTemplate, ...]:
        """Return all scenes of all phases."""
        return (*self.openings, *self.meetings, *self.complications, *self.turns, *self.climaxes)


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """Return the catalogue, loaded at first use."""
    return Catalog(
        genres=read_yaml("genres"),
        openings=read_yaml("openings"),
        meetings=read_yaml("meetings"),
        complications=(*read_yaml("complications"), *read_yaml("genre_complications")),
        turns=read_yaml("turns"),
        climaxes=read_yaml("climaxes"),
        endings=read_yaml("endings"),
        extras=read_yaml("extras"),
        beats=read_yaml("beats"),
    )
