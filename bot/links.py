"""Deep links: what `/start PAYLOAD` means, from a link such as ``https://t.me/bot?start=link-4F7K…``.

A topic registers a prefix (`Topic.links`); the payload is ``prefix-rest``. On platforms without such links people type
``/start PAYLOAD``.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from bot.context import Context
from db.registry import Registry

PAYLOAD: Final = re.compile(r"(?P<prefix>[a-z]{1,16})-(?P<rest>[A-Za-z0-9_-]{1,62})")
PAYLOAD_LENGTH: Final = 64
"""Characters that a link may carry, of A-Z, a-z, 0-9, _ and - (https://core.telegram.org/bots/features#deep-linking)."""
LINK: Final = "link"
"""The prefix of links that enter a code of `/link`."""
_PREFIX: Final = re.compile(r"[a-z]{1,16}")


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A kind of link. ``handler(context, rest)`` runs in the event's transaction, and answers.

    Links may be forwarded and typed by anybody: what they grant is for the handler to check.
    """

    prefix: str
    handler: Callable[[Context, str], Awaitable[None]]

    def __post_init__(self) -> None:
        """Raise `ValueError` for a prefix that no payload could have."""
        if _PREFIX.fullmatch(self.prefix) is None:
            raise ValueError(f"not a prefix of links: {self.prefix!r}")


class LinkRegistry(Registry[LinkSpec]):
    """All kinds of links by prefix."""

    def __init__(self, own: Iterable[LinkSpec] = ()) -> None:
        """``own`` are the product's links. Raises `db.registry.NameTaken`."""
        super().__init__("link", lambda spec: spec.prefix, own)

    def read(self, payload: str) -> tuple[LinkSpec, str] | None:
        """Return the kind of a payload and the rest of it; None if it is none of ours."""
        found = PAYLOAD.fullmatch(payload.strip()) if len(payload) <= PAYLOAD_LENGTH else None
        spec = None if found is None else self.get(found["prefix"])
        return None if found is None or spec is None else (spec, found["rest"])


def link_payload(prefix: str, rest: str) -> str:
    """Return the payload of a link. Raises `ValueError` if no link could carry it."""
    payload = f"{prefix}-{rest}"
    if PAYLOAD.fullmatch(payload) is None or len(payload) > PAYLOAD_LENGTH:
        raise ValueError(f"no link can carry {payload!r}")
    return payload
