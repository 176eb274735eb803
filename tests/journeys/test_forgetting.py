"""What somebody has forgotten is in no prompt any more, on both platforms: from the command to what the model reads."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.platforms.discord import DiscordPlatform
from bot.platforms.telegram import TelegramPlatform
from tests.bot.served import served
from tests.doubles.discord import DiscordServer
from tests.doubles.telegram import Rules, TelegramServer
from tests.doubles.text_engine import ScriptedEngine
from tests.journeys.in_process import cpu_worker
from tests.topics import product_topics
from workers.queue import Queue

FACT = "Ann has a dog called Rufus."


class Ann:
    """A person in her private chat, whatever the platform: what she does, and what she waits for."""

    async def command(self, name: str, parameter: str, text: str) -> None:
        """Use a command with one parameter."""
        raise NotImplementedError

    async def say(self, text: str) -> None:
        """Write plain text, and wait for the reply."""
        raise NotImplementedError

    async def sees(self, text: str) -> Any:
        """Wait for a message with this text."""
        raise NotImplementedError

    async def press(self, message: Any, label: str) -> None:
        """Press a button."""
        raise NotImplementedError


class AnnOnTelegram(Ann):
    def __init__(self, server: TelegramServer) -> None:
        self._person = server.person("ann")
        self._chat = self._person.chat()
        self._last: Any = None

    async def command(self, name: str, parameter: str, text: str) -> None:
        del parameter
        self._last = await self._person.say(self._chat, f"/{name.replace(' ', '_')} {text}")

    async def say(self, text: str) -> None:
        self._last = await self._person.say(self._chat, text)
        await self._person.wait_for_message(
            self._chat, lambda m: "Answer again" in m.labels, timeout=60, after=self._last
        )

    async def sees(self, text: str) -> Any:
        return await self._person.wait_for_message(self._chat, text, timeout=30, after=self._last)

    async def press(self, message: Any, label: str) -> None:
        await self._person.tap(message, label)


class AnnOnDiscord(Ann):
    def __init__(self, server: DiscordServer) -> None:
        self._person = server.person("ann")
        self._chat = self._person.dm()
        self._last: Any = None

    async def command(self, name: str, parameter: str, text: str) -> None:
        await self._person.slash(self._chat, name, **({parameter: text} if parameter else {}))

    async def say(self, text: str) -> None:
        self._last = await self._person.say(self._chat, text)
        await self._person.wait_for_message(
            self._chat, lambda m: any(b.label == "Answer again" for b in m.buttons), timeout=60, after=self._last
        )

    async def sees(self, text: str) -> Any:
        return await self._person.wait_for_message(self._chat, lambda m: text in m.text, timeout=30)

    async def press(self, message: Any, label: str) -> None:
        await self._person.click(message, label)


@asynccontextmanager
async def on_telegram(redis_url: str) -> AsyncGenerator[Ann]:
    topics = product_topics()
    async with TelegramServer(rules=Rules(flood=None)) as server:
        platform = TelegramPlatform(server.token, topics.commands, api_url=server.api_url)
        async with served(topics, {"telegram": platform}, redis_url):
            yield AnnOnTelegram(server)


@asynccontextmanager
async def on_discord(redis_url: str) -> AsyncGenerator[Ann]:
    topics = product_topics()
    async with DiscordServer() as server:
        platform = DiscordPlatform(
            server.token, topics.commands, api_url=server.api_url, gateway_url=server.gateway_url
        )
        async with served(topics, {"discord": platform}, redis_url):
            await server.ready(timeout=20)
            await server.commands_synced(timeout=20)
            yield AnnOnDiscord(server)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("platform", [on_telegram, pytest.param(on_discord, marks=pytest.mark.slow)])
async def test_a_fact_is_in_the_prompt_until_it_is_forgotten(
    database: str, redis_url: str, platform: Callable[[str], Any]
):
    engine = ScriptedEngine(["The lamp is lit, and the tide is out tonight."], context=8192)

    def read() -> str:
        """What the model read for the last reply."""
        return "\n".join(message.content for message in engine.requests[-1].messages)

    async with Queue(redis_url) as queue, cpu_worker(queue, 2, engine), platform(redis_url) as ann:
        await ann.say("Tell me about the tide, please.")
        assert FACT not in read()
        await ann.command("memory add", "text", FACT)
        await ann.sees("I will remember that.")
        await ann.say("What is my dog called?")
        assert FACT in read()
        await ann.command("chat context", "", "")
        await ann.sees(f"“{FACT}”")
        await ann.command("memory forget", "what", "Rufus")
        asked = await ann.sees("About “Rufus” there is:")
        await ann.press(asked, "Forget")
        await ann.sees("It is forgotten.")
        await ann.say("And now, what is it called?")
        assert "Rufus" not in read()
        await ann.command("memory show", "", "")
        await ann.sees("No facts are remembered here yet.")
