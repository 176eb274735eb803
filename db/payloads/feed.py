"""Payloads of feeds."""

from typing import ClassVar

from db.payloads.base import Payload


class FeedRead(Payload):
    """A feed was read because a person asked for it; ``problem`` says why not, if so."""

    kind: ClassVar[str] = "feed_read"

    account: int
    user: int
    feed: int
    new: int = 0
    problem: str = ""


class FeedList(Payload):
    """The feeds of the personas that a person sees. ``adults``: what is for adults may be shown there."""

    kind: ClassVar[str] = "feeds"

    account: int
    user: int
    adults: bool = False
    moderates: bool = False
