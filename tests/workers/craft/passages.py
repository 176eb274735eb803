"""Pages that a reader would be glad of: from `good_pages.yaml`, and made of their paragraphs."""

import random
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from prompts.yaml_text import parse_yaml

_FILE = Path(__file__).with_name("good_pages.yaml")


@lru_cache(maxsize=1)
def good_pages() -> dict[str, list[str]]:
    """Language → whole pages."""
    return parse_yaml(_FILE.read_text(encoding="utf-8"))


def made_up(count: int) -> Iterator[str]:
    """English pages of three paragraphs each, of different good ones."""
    paragraphs = [each for page in good_pages()["en"] for each in page.split("\n\n") if len(each) > 150]
    for seed in range(count):
        yield "\n\n".join(random.Random(seed).sample(paragraphs, 3))
