"""The complete log: requests, messages, interactions, and what can be counted in them."""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.doubles.discord.interactions import Interaction
    from tests.doubles.discord.messages import Message
    from tests.doubles.discord.places import Channel


@dataclass(slots=True, frozen=True)
class Request:
    """One request to the REST API and its answer."""

    method: str
    path: str
    """Below /api/v10, without the query."""
    route: str
    """The template, such as /channels/{channel_id}/messages."""
    status: int
    """0: the connection was dropped."""
    at: float
    """``time.monotonic()`` at its arrival."""
    seconds: float
    code: int | None = None
    """Discord's error code."""
    fault: str | None = None
    """Kind of the fault that struck it."""
    detail: str = ""
    """The answer's body if it was a refusal."""


def _same_place_and_text(message: "Message") -> Hashable:
    return message.channel.id, message.text


class Log:
    """Everything that happened; requests are bounded, the newest are kept."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=200_000)
        self.messages: list[Message] = []
        self.interactions: list[Interaction] = []
        self.invalid_requests = 0
        self.deduplicated = 0
        """Creations that an enforced nonce answered with the message that was there."""

    def bot_messages(self, channel: "Channel | None" = None) -> "list[Message]":
        """The bot's messages that still stand, oldest first, placeholders left out."""
        return [
            m
            for m in self.messages
            if m.author.bot and not m.deleted and not m.loading and (channel is None or m.channel is channel)
        ]

    def duplicates(
        self, key: "Callable[[Message], Hashable | None]" = _same_place_and_text
    ) -> "dict[Hashable, list[Message]]":
        """Bot messages of the same key (default: same channel and same text) that stand more than once."""
        found: dict[Hashable, list[Message]] = defaultdict(list)
        for message in self.bot_messages():
            value = key(message)
            if value is not None:
                found[value].append(message)
        return {value: messages for value, messages in found.items() if len(messages) > 1}

    def ack_latencies(self) -> list[float]:
        """Seconds from each interaction to its acknowledgement, in order of the interactions."""
        return [i.ack.latency for i in self.interactions if i.ack is not None]

    def refusals(self) -> list[Request]:
        """Requests that were refused by the rules, not by a fault."""
        return [r for r in self.requests if r.status >= 400 and r.fault is None]
