"""Texts that a reader would be glad of: pages of `good_pages.yaml`, those made of their paragraphs, other languages."""

import random
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel

from prompts.yaml_text import parse_yaml

_FOLDER = Path(__file__).parent


class GoodTexts(BaseModel):
    """Pages of a language, choices that fit them, and replies of a persona."""

    pages: list[str]
    choices: list[list[str]]
    replies: list[str]


@lru_cache(maxsize=1)
def good_pages() -> dict[str, list[str]]:
    """Language → whole pages."""
    return parse_yaml((_FOLDER / "good_pages.yaml").read_text(encoding="utf-8"))


@lru_cache(maxsize=16)
def good_texts(language: str) -> GoodTexts:
    """Texts of one of the languages offered but English."""
    text = (_FOLDER / "languages" / f"{language}.yaml").read_text(encoding="utf-8")
    return GoodTexts.model_validate(parse_yaml(text))


def made_up(count: int) -> Iterator[str]:
    """English pages of three paragraphs each, of different good ones."""
    paragraphs = [each for page in good_pages()["en"] for each in page.split("\n\n") if len(each) > 150]
    for seed in range(count):
        yield "\n\n".join(random.Random(seed).sample(paragraphs, 3))
