"""A long reply grows in the chat by edits, at the platform's pace, and can be stopped: real bot, worker and libraries.

What the model says comes from a local OpenAI-compatible server, slowly, so that it is known to the letter.
"""

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest

from bot.stack.home import StackUrls
from db.connection import rows
from tests.doubles import discord
from tests.doubles.openai.server import KEY, MODEL, OpenAIServer
from tests.doubles.telegram import Message, TelegramServer
from tests.journeys.processes import bot, serving, worker

CANCEL: Final = "Cancel"
AGAIN: Final = "Answer again"
INTERVAL: Final = 1.5
"""Least seconds between two edits that show progress."""
EDIT_LIMIT: Final = 1.0
"""Edits a second that both platforms take: Discord 5 in 5 s per channel, Telegram one per chat and second."""
PAUSE: Final = 0.015


def long_text(words: int = 470) -> str:
    """More than a message of either platform holds; every word is told from every other."""
    found = [f"kelp{n:04d}" + ("." if n % 12 == 11 else "") for n in range(words)]
    return "\n\n".join(" ".join(found[n : n + 60]) for n in range(0, words, 60))


TEXT: Final = long_text()


@dataclass(frozen=True)
class Version:
    """What a message was from a moment on (monotonic seconds)."""

    at: float
    text: str
    labels: tuple[str, ...]

    @property
    def partial(self) -> str:
        """The words of a partial reply, without the mark of what was left out and the line about the progress.

        Cut within a word, a number may stand first, whose point is escaped: it would begin a list.
        """
        return self.text.removeprefix("…").rpartition("\n\n")[0].replace("\\", "").strip()


class Chat(ABC):
    """A chat of one person with the bot, on one platform."""

    limit: int

    @abstractmethod
    async def say(self, text: str) -> None: ...

    @abstractmethod
    async def until(self, found: Callable[[], bool], timeout: float = 30.0) -> None: ...

    @abstractmethod
    def replies(self) -> list[list[Version]]:
        """The bot's messages since the person last spoke, each with all it has been."""

    @abstractmethod
    async def press(self, label: str) -> str:
        """Press a button that the first of them has or had; returns what the person is told for it, if anything."""

    @abstractmethod
    def refused(self) -> list[object]:
        """The requests that a rate limit turned down."""

    def standing(self) -> list[Version]:
        return [versions[-1] for versions in self.replies()]

    def streamed(self) -> list[Version]:
        """The states of the reply's first message that showed a part of the text."""
        return [v for v in (self.replies() or [[]])[0] if CANCEL in v.labels and "kelp" in v.text]

    def ended(self) -> bool:
        standing = self.standing()
        return bool(standing) and AGAIN in standing[-1].labels


class Telegram(Chat):
    limit = 4096

    def __init__(self, server: TelegramServer, name: str) -> None:
        """``name`` is the person's."""
        self.server = server
        self.ann = server.person(name)
        self.dm = self.ann.chat()
        self._said = 0

    async def say(self, text: str) -> None:
        self._said = (await self.ann.say(self.dm, text)).id

    async def until(self, found: Callable[[], bool], timeout: float = 30.0) -> None:
        await self.server.world.changed.until(lambda: found() or None, timeout)

    def _mine(self) -> list[Message]:
        return [m for m in self.dm.messages[self._said :] if m.from_bot and not m.deleted]

    def replies(self) -> list[list[Version]]:
        return [
            [
                *(Version(v.at, v.text, tuple(b.text for row in v.buttons for b in row)) for v in m.edits),
                Version(m.since, m.text, tuple(m.labels)),
            ]
            for m in self._mine()
        ]

    async def press(self, label: str) -> str:
        tap = await self.ann.tap(self._mine()[0], label, stale=True)
        return (await tap.answered(timeout=30)).text or ""

    def refused(self) -> list[object]:
        return [r for r in self.server.requests if r.status == 429]


class Discord(Chat):
    """A channel of a guild: there others can press the button, too."""

    limit = 2000

    def __init__(self, server: discord.DiscordServer, name: str) -> None:
        """``name`` is the person's and the channel's."""
        self.server = server
        self.ann, self.ben = server.person(name), server.person("ben")
        self.channel = server.guild("Readers").text_channel(name)
        self._said = 0
        self._cancel: discord.Button | None = None

    async def say(self, text: str) -> None:
        self._said = (await self.ann.say(self.channel, text, mention_bot=True)).id

    async def until(self, found: Callable[[], bool], timeout: float = 30.0) -> None:
        await self.ann.wait_until(found, timeout=timeout)

    def _mine(self) -> list[discord.Message]:
        return [m for m in self.channel.messages.values() if m.author.bot and not m.ephemeral and m.id > self._said]

    def replies(self) -> list[list[Version]]:
        return [[self._version(e.at, e.content, e.components) for e in m.edits] or [self._now(m)] for m in self._mine()]

    @staticmethod
    def _now(m: discord.Message) -> Version:
        return Version(m.created_at, m.content, tuple(b.label for b in m.buttons))

    @staticmethod
    def _version(at: float, content: str, rows: list[dict[str, object]]) -> Version:
        cells = [cell for row in rows for cell in row["components"]]  # type: ignore[attr-defined]
        return Version(at, content, tuple(str(cell["label"]) for cell in cells))

    async def press(self, label: str) -> str:
        return await self.press_as(self.ann, label)

    async def press_as(self, person: discord.Person, label: str) -> str:
        message = self._mine()[0]
        button = message.button(label) or self._cancel
        assert button is not None
        self._cancel = button
        pressed = person.press(message, button)
        await pressed.acknowledged()
        await self.until(lambda: pressed.ephemeral or pressed.response is not None, timeout=5)
        assert pressed.response is not None
        return pressed.response.text if pressed.response.ephemeral else ""

    def refused(self) -> list[object]:
        return [r for r in self.server.log.requests if r.status == 429]


@dataclass(frozen=True)
class Service:
    """A bot on both platforms, and a worker with a model."""

    telegram: TelegramServer
    discord: discord.DiscordServer
    model: OpenAIServer
    names: Iterator[str] = field(default_factory=lambda: iter(("ann", "cleo", "dora", "emil")))
    """People who have said nothing yet."""


@pytest.fixture(scope="module")
async def service(
    request: pytest.FixtureRequest, shared_urls: StackUrls, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Service]:
    urls, home = shared_urls, tmp_path_factory.mktemp("home")
    model = OpenAIServer(text=TEXT, pause_s=PAUSE)
    await model.start()
    writer = {
        "STORYFORK_TEXT_ENGINES": "remote",
        "STORYFORK_REMOTE_BASE_URL": model.url,
        "STORYFORK_REMOTE_MODEL": MODEL,
        "STORYFORK_REMOTE_API_KEY": KEY,
    }
    async with TelegramServer() as telegram, discord.DiscordServer() as other:
        settings = {
            "TELEGRAM_TOKEN": telegram.token,
            "TELEGRAM_API_URL": telegram.api_url,
            "DISCORD_TOKEN": other.token,
            "DISCORD_API_URL": other.api_url,
            "DISCORD_GATEWAY_URL": other.gateway_url,
        }
        both = bot(urls, home, "telegram", "discord", **settings)
        async with serving(request, worker(urls, home, 1, **writer), both):
            await other.ready(timeout=60)
            await other.commands_synced(timeout=60)
            yield Service(telegram, other, model)
    await model.stop()


@pytest.fixture(params=["telegram", pytest.param("discord", marks=pytest.mark.slow)])
def chat(request: pytest.FixtureRequest, service: Service) -> Chat:
    """A chat that no other test uses."""
    name = next(service.names)
    return Telegram(service.telegram, name) if request.param == "telegram" else Discord(service.discord, name)


@pytest.fixture
def model(service: Service) -> OpenAIServer:
    """The model, as it answers at first; nobody has left it yet."""
    service.model.text, service.model.disconnects = TEXT, 0
    return service.model


async def remembered() -> str:
    """What the conversation's memory holds of the newest reply."""
    found = await rows("SELECT text FROM chat_messages WHERE role = 'persona' AND state = 'ready' ORDER BY id DESC")
    return found[0]["text"]


def words_of(shown: list[Version]) -> list[str]:
    """The words of a whole reply, without the persona's name above and the line below it."""
    words = " ".join(v.text for v in shown).split()
    return [w for w in words if w.startswith("kelp")]


def within_the_rates(chat: Chat) -> None:
    """Edits keep their distance; the platform never had to ask for patience."""
    assert chat.refused() == []
    shown = [v.at for v in chat.streamed()]
    gaps = [later - sooner for sooner, later in itertools.pairwise(shown)]
    # One that was held up on its way leaves the next one less.
    assert sum(gaps) > len(gaps) * (INTERVAL - 0.1), gaps
    assert min(gaps) > INTERVAL / 2, gaps
    changes = sorted(v.at for versions in chat.replies() for v in versions)
    assert all(sum(at <= other < at + 10 for other in changes) <= 10 * EDIT_LIMIT + 1 for at in changes)


@pytest.mark.timeout(150)
async def test_a_long_reply_streams_by_edits_and_ends_exactly(chat: Chat, model: OpenAIServer):
    await chat.say("Tell me everything about kelp.")
    await chat.until(chat.ended, timeout=60)
    partial = [v.partial for v in chat.streamed()]
    assert len(partial) >= 3
    # A part is what the model has said by then; where that is longer than a message, its end.
    assert [text for text in partial if text not in TEXT] == []
    ends = [TEXT.index(text) + len(text) for text in partial]
    assert ends == sorted(set(ends))
    assert max(len(v.text) for versions in chat.replies() for v in versions) <= chat.limit

    final = chat.standing()
    assert len(final) > 1
    assert words_of(final) == TEXT.split()
    assert await remembered() == TEXT
    assert [CANCEL in v.labels for v in final] == [False] * len(final)
    first = [CANCEL in v.labels for v in chat.replies()[0] if "kelp" in v.text]
    assert first == sorted(first, reverse=True)
    await asyncio.sleep(INTERVAL + 0.5)
    assert chat.standing() == final
    within_the_rates(chat)


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_a_stopped_reply_keeps_what_was_written(chat: Chat, model: OpenAIServer):
    await chat.say("Tell me everything about kelp.")
    await chat.until(lambda: len(chat.streamed()) >= 2)
    if isinstance(chat, Discord):
        assert "Only the person who asked" in await chat.press_as(chat.ben, CANCEL)
    seen = chat.streamed()[-1].partial
    pressed = asyncio.get_running_loop().time()
    assert not await chat.press(CANCEL)
    await chat.until(chat.ended, timeout=10)
    assert chat.standing()[0].at - pressed < 2
    assert model.disconnects == 1

    final = chat.standing()
    kept = await remembered()
    assert TEXT.startswith(kept)
    assert seen in kept
    assert len(kept) < len(TEXT)
    assert words_of(final) == kept.split()
    assert "Stopped here." in final[-1].text
    assert all(CANCEL not in v.labels for v in final)
    assert "finished already" in await chat.press(CANCEL)
    await asyncio.sleep(INTERVAL + 0.5)
    assert chat.standing()[: len(final)] == final
    within_the_rates(chat)

    model.text = "Nothing more."
    await chat.say("And what else?")
    await chat.until(chat.ended)
    told = model.requests[-1]["messages"]
    assert [m["content"] for m in told if m["role"] == "assistant"] == [kept]
