"""Choices that look random and depend on nothing but their key, on any machine and any Python."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def roll(sides: int, *key: object) -> int:
    """Return a number from 0 to ``sides - 1`` fixed by ``key``."""
    digest = blake2b("\x1f".join(map(str, key)).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % sides


def pick(items: Sequence[T], *key: object) -> T:
    """Return the item of ``items`` fixed by ``key``."""
    return items[roll(len(items), *key)]


def shuffled(items: Sequence[T], *key: object) -> list[T]:
    """Return ``items`` in an order fixed by ``key``."""
    return [item for _, item in sorted(enumerate(items), key=lambda pair: roll(2**60, *key, pair[0]))]


def share(items: Sequence[T], page: int, pages: int, *key: object) -> list[T]:
    """Return the share of ``items`` that belongs to page number ``page`` when ``pages`` pages share them.

    Two pages of one window of ``pages`` pages never get the same item, whatever else happened on the way to them:
    this is how a story avoids repeating itself without remembering what it said.
    """
    parts = min(pages, len(items))
    return shuffled(items, *key)[page % parts :: parts]
