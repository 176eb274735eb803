"""Word lists of the story grammar, read once from ``prompts/stories/words.yaml``."""

from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from prompts.yaml_text import parse_yaml


class WordLists(BaseModel):
    """Lists of plain words; each entry of the file is one string of words separated by blanks."""

    model_config = ConfigDict(extra="forbid")

    verbs: str
    people: str
    people_exceptions: str
    dangers: str
    stops: str
    abstract: str

    @cached_property
    def verb_set(self) -> frozenset[str]:
        """Base forms of common verbs of action."""
        return frozenset(self.verbs.split())

    @cached_property
    def people_set(self) -> frozenset[str]:
        """Nouns for persons and for animals that can be a protagonist."""
        return frozenset(self.people.split())

    @cached_property
    def people_exception_set(self) -> frozenset[str]:
        """Nouns that end like a trade ("-er", "-or") but are not one."""
        return frozenset(self.people_exceptions.split())

    @cached_property
    def danger_set(self) -> frozenset[str]:
        """Nouns that threaten."""
        return frozenset(self.dangers.split())

    @cached_property
    def abstract_set(self) -> frozenset[str]:
        """Nouns for what nobody can go to, look at or take: parts of phrases, of the body, of time."""
        return frozenset(self.abstract.split())

    @cached_property
    def stop_set(self) -> frozenset[str]:
        """Function words that end a noun phrase."""
        return frozenset(self.stops.split())


def read_yaml(name: str) -> Any:
    """Return the parsed file ``prompts/stories/<name>.yaml``."""
    text = (files("prompts") / "stories" / f"{name}.yaml").read_text(encoding="utf-8")
    return parse_yaml(text)


@lru_cache(maxsize=1)
def words() -> WordLists:
    """Return the word lists, loaded at first use."""
    return WordLists.model_validate(read_yaml("words"))
