"""Short lines in the offered languages, for messages that are not English: more than that no rule here can say."""

import re
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from prompts.yaml_text import parse_yaml
from workers.craft.languages import language_of
from workers.craft.prose import Prose
from workers.offline.persona.words import looks_english

_FEW_WORDS: Final = 2
"""Common words of a language that a message must have to be in it."""
_SHORT: Final = 3
_KANA: Final = re.compile("[ぁ-ヿ]")
_HAN: Final = re.compile("[㐀-鿿豈-﫿]")
_HANGUL: Final = re.compile("[\uac00-\ud7a3]")
_CYRILLIC: Final = re.compile("[Ѐ-ӿ]")
_UKRAINIAN: Final = re.compile("[іїєґІЇЄҐ]")
_SIGNS: Final = re.compile(r"[^\w\s'’]+")
Forms = Annotated[tuple[str, ...], Field(min_length=2)]


class TongueLines(BaseModel):
    """Of one language: the words for a greeting, thanks and a goodbye, and lines for those and for all else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    said: dict[str, str]
    greeting: Forms
    thanks: Forms
    goodbye: Forms
    unknown: Forms


@lru_cache(maxsize=1)
def tongue_lines() -> dict[str, TongueLines]:
    """Return the lines of every language, loaded at first use."""
    text = (files("prompts") / "personas" / "voices" / "languages.yaml").read_text(encoding="utf-8")
    return {tag: TongueLines.model_validate(lines) for tag, lines in parse_yaml(text).items()}


def tongue_of(message: str) -> tuple[str, str] | None:
    """Return the language of a message and its kind (greeting, thanks, goodbye, unknown); None if it may be English."""
    plain = " ".join(_SIGNS.sub(" ", message.lower()).split())
    for tag, lines in tongue_lines().items():
        for kind, said in lines.said.items():
            if any(_begins(plain, each) for each in said.split("|")):
                return tag, kind
    tag = _by_script(message) or (None if looks_english(message) else language_of(Prose(message), _FEW_WORDS))
    return (tag, "unknown") if tag in tongue_lines() else None


def _begins(plain: str, said: str) -> bool:
    """Return whether a message is what people say, or little more: a short word must be all of it."""
    if plain == said:
        return True
    return len(said) > _SHORT and plain.startswith(f"{said} ") and plain.count(" ") <= said.count(" ") + 2


def _by_script(message: str) -> str | None:
    """Return the language of a script that has one only; two offered ones share Cyrillic."""
    if _KANA.search(message):
        return "ja"
    if _HANGUL.search(message):
        return "ko"
    if _HAN.search(message):
        return "zh"
    if len(_CYRILLIC.findall(message)) > len(message) // 3:
        return "uk" if _UKRAINIAN.search(message) else "ru"
    return None
