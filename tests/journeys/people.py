"""People who play, whatever the platform: what they do, and what they see then. For the crash test and the benchmark.

A town is a platform's local server with its people. `TOWNS` lists them; a further platform is a class and a line.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from bot import locales
from tests.doubles import discord
from tests.doubles.telegram import Message, NoSuchButtonError, Person, Rules, Tap, TelegramServer

ANSWER_AGAIN: Final = "Answer again"
THUMB: Final = "👍"
"""Stands under every reply of a persona; what changes a chat stands under the last one only."""
RETRY: Final = "Retry"
BACK: Final = "Back"
CANCEL: Final = "Cancel"
BUSY: Final = locales.text("router.busy", {}, "en")
MESSAGE: Final = 4
DEFERRED: Final = 5
"""Discord's kinds of an acknowledgement: by a message, and by the promise of one."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot as a person sees it now; ``at`` is when it became so (monotonic seconds)."""

    id: str
    text: str
    labels: tuple[str, ...]
    at: float

    @property
    def content(self) -> bool:
        """Whether it says anything: not a placeholder, nor the progress of a job."""
        return any(map(str.isalnum, self.text)) and CANCEL not in self.labels

    @property
    def page(self) -> bool:
        """Whether it is a page that can be played on."""
        return RETRY in self.labels

    @property
    def numbers(self) -> list[str]:
        """The labels of its choices."""
        return [label for label in self.labels if label.isdigit()]


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person did. ``key`` is its event's in the record, ``at`` its time (monotonic seconds)."""

    player: "Player"
    kind: str
    key: str
    at: float
    handle: Any = field(repr=False, compare=False)


class NotPossible(Exception):
    """The person's client does not offer that (any more)."""


class Player(ABC):
    """A person in the direct messages with the bot."""

    def __init__(self, name: str, chat_id: str) -> None:
        self.name, self.chat_id = name, chat_id

    @abstractmethod
    async def begin(self, premise: str) -> Act:
        """Use the command that starts a story."""

    @abstractmethod
    async def say(self, text: str) -> Act:
        """Write plain text."""

    @abstractmethod
    async def press(self, shown: Shown, label: str) -> Act:
        """Press a button as it was seen. Raises `NotPossible`."""

    @abstractmethod
    def count(self) -> int:
        """How many messages were ever made in the chat, by anybody."""

    @abstractmethod
    def messages(self, after: int = 0) -> list[Shown]:
        """The bot's messages that stand now, oldest first; only those made when the chat had ``after`` already."""

    @abstractmethod
    def acknowledged(self, act: Act) -> float | None:
        """Seconds until the platform showed that the act arrived; None if it did not (yet)."""

    @abstractmethod
    def told(self, act: Act) -> bool:
        """Whether the act was answered by a pop-up with words."""

    def failed(self, act: Act) -> bool:
        """Whether the platform itself told the person that the act failed."""
        del act
        return False

    def direct_answers(self, act: Act) -> list[Shown]:
        """The messages that answer just this act by the platform's own means: replies to it, what it opened at once."""
        del act
        return []

    def refusals(self, act: Act) -> int:
        """How often the person was told in words that nobody took this act."""
        return sum(shown.text == BUSY for shown in self.direct_answers(act))

    def page(self) -> Shown | None:
        """The newest page with buttons."""
        return next((m for m in reversed(self.messages()) if m.page), None)


class Town(ABC):
    """A platform's local server and its people."""

    name: str

    @property
    @abstractmethod
    def settings(self) -> dict[str, str]:
        """The environment that leads a bot process here."""

    @abstractmethod
    async def start(self) -> None:
        """Listen."""

    @abstractmethod
    async def stop(self) -> None:
        """Close every connection."""

    @abstractmethod
    async def ready(self, timeout: float = 60.0) -> None:
        """Wait until the bot listens."""

    @abstractmethod
    def player(self, name: str) -> Player:
        """The person of that name, made at the first call."""

    @abstractmethod
    def must_answer(self, act: Act) -> bool:
        """Whether the bot took the act on: the platform keeps it no longer, and told the person of no failure."""

    @abstractmethod
    def kept(self) -> int:
        """How many events the platform still keeps for the bot."""


class TelegramPlayer(Player):
    """A person on Telegram."""

    def __init__(self, person: Person) -> None:
        super().__init__(person.name, str(person.id))
        self._person = person
        self._chat = person.chat()

    async def begin(self, premise: str) -> Act:
        return self._said("begin", await self._person.say(self._chat, f"/story_new {premise}"))

    async def say(self, text: str) -> Act:
        return self._said("say", await self._person.say(self._chat, text))

    def _said(self, kind: str, message: Message) -> Act:
        return Act(self, kind, f"telegram:m{self.chat_id}.{message.id}", message.at, message)

    async def press(self, shown: Shown, label: str) -> Act:
        message = self._chat.find(int(shown.id))
        if message is None:
            raise NotPossible(f"{shown} is gone")
        try:
            tap = await self._person.tap(message, label, stale=True)
        except NoSuchButtonError as e:
            raise NotPossible(str(e)) from e
        return Act(self, "press", f"telegram:c{tap.query.id}", tap.query.at, tap)

    def count(self) -> int:
        return len(self._chat.messages)

    def messages(self, after: int = 0) -> list[Shown]:
        return [
            Shown(str(m.id), m.text, tuple(m.labels), m.since)
            for m in self._chat.messages[after:]
            if m.from_bot and not m.deleted
        ]

    def acknowledged(self, act: Act) -> float | None:
        if isinstance(act.handle, Tap):
            return None if act.handle.answer is None else act.handle.answer.latency
        said: Message = act.handle
        first = next((m for m in self._chat.messages[said.id :] if m.from_bot), None)
        return None if first is None else first.at - said.at

    def told(self, act: Act) -> bool:
        return isinstance(act.handle, Tap) and act.handle.answer is not None and bool(act.handle.answer.text)


class TelegramTown(Town):
    """The local Telegram, without flood control: what is measured and broken here is ours."""

    name = "telegram"

    def __init__(self) -> None:
        # A press may be answered after an outage: how old it may be then is not what is tested.
        self.server = TelegramServer(rules=Rules(flood=None, query_seconds=600.0))
        self._players: dict[str, TelegramPlayer] = {}

    @property
    def settings(self) -> dict[str, str]:
        return {
            "TELEGRAM_TOKEN": self.server.token,
            "TELEGRAM_API_URL": self.server.api_url,
            "TELEGRAM_FLOOD_LIMITS": "false",
        }

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop()

    async def ready(self, timeout: float = 60.0) -> None:
        polled = len(self.server.calls("getUpdates"))
        await self.server.world.changed.until(lambda: len(self.server.calls("getUpdates")) > polled or None, timeout)

    def player(self, name: str) -> TelegramPlayer:
        if name not in self._players:
            self._players[name] = TelegramPlayer(self.server.person(name))
        return self._players[name]

    def must_answer(self, act: Act) -> bool:
        return True

    def kept(self) -> int:
        return len(self.server.pending_updates)


class DiscordPlayer(Player):
    """A person on Discord."""

    def __init__(self, person: discord.Person) -> None:
        self._person = person
        self._channel = person.dm()
        super().__init__(person.name, str(self._channel.id))

    async def begin(self, premise: str) -> Act:
        return self._acted("begin", await self._person.slash(self._channel, "story new", premise=premise))

    async def say(self, text: str) -> Act:
        message = await self._person.say(self._channel, text)
        return Act(self, "say", f"discord:m{message.id}", message.created_at, message)

    async def press(self, shown: Shown, label: str) -> Act:
        message = self._channel.messages[int(shown.id)]
        button = next((b for b in message.buttons if b.label == label), None)
        try:
            if button is None or not self._person.sees(message):
                raise NotPossible(f"{shown} has no button {label!r} any more")
            return self._acted("press", self._person.press(message, button))
        except discord.Refused as e:
            raise NotPossible(str(e)) from e

    def _acted(self, kind: str, interaction: discord.Interaction) -> Act:
        return Act(self, kind, f"discord:i{interaction.id}", interaction.created_at, interaction)

    def count(self) -> int:
        return len(self._channel.messages)

    def messages(self, after: int = 0) -> list[Shown]:
        return [self._shown(m) for m in list(self._channel.messages.values())[after:] if self._sees(m)]

    def _sees(self, message: discord.Message) -> bool:
        return message.author.bot and self._person.sees(message)

    @staticmethod
    def _shown(message: discord.Message) -> Shown:
        return Shown(
            str(message.id),
            "" if message.loading else message.text,
            tuple(b.label for b in message.buttons if not b.disabled),
            message.edits[-1].at if message.edits else message.created_at,
        )

    def acknowledged(self, act: Act) -> float | None:
        """Plain text is not acknowledged on Discord: a placeholder comes only when the answer takes long."""
        acted = act.handle
        return acted.ack.latency if isinstance(acted, discord.Interaction) and acted.ack is not None else None

    def told(self, act: Act) -> bool:
        return False

    def failed(self, act: Act) -> bool:
        return isinstance(act.handle, discord.Interaction) and act.handle.failed

    def direct_answers(self, act: Act) -> list[Shown]:
        acted = act.handle
        if isinstance(acted, discord.Interaction):
            posted = acted.response if acted.ack is not None and acted.ack.type == MESSAGE else None
            return [self._shown(posted)] if posted is not None and self._sees(posted) else []
        replies = [m for m in self._channel.messages.values() if m.reference is acted]
        return [self._shown(m) for m in replies if self._sees(m)]


class DiscordTown(Town):
    """The local Discord, without rate limits."""

    name = "discord"

    def __init__(self) -> None:
        self.server = discord.DiscordServer(discord.Settings(rate_limits=discord.RateLimits.off()))
        self._players: dict[str, DiscordPlayer] = {}

    @property
    def settings(self) -> dict[str, str]:
        return {
            "DISCORD_TOKEN": self.server.token,
            "DISCORD_API_URL": self.server.api_url,
            "DISCORD_GATEWAY_URL": self.server.gateway_url,
        }

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop()

    async def ready(self, timeout: float = 60.0) -> None:
        await self.server.ready(timeout)
        await self.server.commands_synced(timeout)

    def player(self, name: str) -> DiscordPlayer:
        if name not in self._players:
            self._players[name] = DiscordPlayer(self.server.person(name))
        return self._players[name]

    def must_answer(self, act: Act) -> bool:
        acted = act.handle
        if not isinstance(acted, discord.Interaction):
            return True
        # Answered at once by a message: that is the notice. Not acknowledged: the client said so.
        return acted.ack is not None and acted.ack.type == DEFERRED

    def kept(self) -> int:
        """What was said while no bot was connected is in the chats' history until it has come back."""
        return 0 if len(self.server.gateway.connected_shards()) >= self.server.settings.shards else 1


TOWNS: Final[dict[str, Callable[[], Town]]] = {
    "telegram": TelegramTown,
    "discord": DiscordTown,
}


def now() -> float:
    """Monotonic seconds, as the local servers count them."""
    return time.monotonic()
