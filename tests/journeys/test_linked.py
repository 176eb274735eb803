"""A person on Discord and on Telegram: links them, plays alternately, and separates them again."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.stack.home import StackUrls
from tests.doubles.discord import DiscordServer
from tests.doubles.discord import Message as DiscordMessage
from tests.doubles.telegram import Message as TelegramMessage
from tests.doubles.telegram import TelegramServer
from tests.journeys.processes import bot, running, worker

YES = "Yes, that is me"


def labels(message: DiscordMessage | TelegramMessage) -> list[str]:
    if isinstance(message, TelegramMessage):
        return message.labels
    return [button.label for button in message.buttons if not button.disabled]


def page(message: DiscordMessage | TelegramMessage) -> bool:
    """Whether a message shows a page with open choices."""
    return "1" in labels(message) and "Retry" in labels(message)


def says(words: str) -> Callable[[DiscordMessage], bool]:
    """Whether a message says something."""
    return lambda message: words in message.text


@pytest.mark.slow
async def test_one_person_on_two_platforms(database: str, redis_url: str, tmp_path: Path):
    urls = StackUrls(database, redis_url)
    async with DiscordServer() as discord, TelegramServer() as telegram:
        settings = {
            "DISCORD_TOKEN": discord.token,
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
            "TELEGRAM_TOKEN": telegram.token,
            "TELEGRAM_API_URL": telegram.api_url,
        }
        async with running(worker(urls, tmp_path), bot(urls, tmp_path, "discord", "telegram", **settings)):
            await discord.ready(timeout=60)
            await discord.commands_synced(timeout=60)
            ann, anna = discord.person("ann"), telegram.person("Anna")
            here, there = ann.dm(), anna.chat()

            await ann.slash(here, "story new", premise="a keeper finds a door under the sea")
            first = await ann.wait_for_message(here, page, timeout=60)

            await ann.slash(here, "link")
            told = await ann.wait_for_message(here, says("Your code is"), timeout=30, after=first)
            code = re.search(r"[0-9A-Z]{10}", told.text)
            assert code is not None
            said = await anna.say(there, f"/start link-{code[0]}")
            asked_there = await anna.wait_for_message(there, lambda m: YES in m.labels, timeout=30, after=said)
            asked_here = await ann.wait_for_message(here, lambda m: YES in labels(m), timeout=30, after=told)
            assert "Anna on Telegram" in asked_here.text
            await anna.tap(asked_there, YES)
            await anna.wait_for_message(there, "Now say so on the other platform", timeout=30, after=asked_there)
            await ann.click(asked_here, YES)
            await ann.wait_for_message(here, says("You are one now"), timeout=30, after=asked_here)
            one = await anna.wait_for_message(there, "You are one now", timeout=30, after=asked_there)

            await anna.say(there, "/story_continue")
            same = await anna.wait_for_message(there, page, timeout=30, after=one)
            assert "keeper" in same.text
            await ann.wait_until(lambda: "Goes on in Telegram" in first.text and page(first), timeout=30)

            await anna.tap(same, "2")
            second = await anna.wait_for_message(there, page, timeout=60, after=same)
            await ann.wait_until(lambda: labels(first) == ["Go to the current page"], timeout=30)
            assert "▸ **2.**" in first.text

            await ann.click(first, "Go to the current page")
            again = await ann.wait_for_message(here, page, timeout=30, after=first)
            await anna.wait_until(second, lambda m: "Goes on in Discord" in m.text and page(m))
            await ann.click(again, "1")
            third = await ann.wait_for_message(here, page, timeout=60, after=again)
            await anna.wait_until(second, lambda m: m.labels == ["Go to the current page"])

            said = await anna.say(there, "/unlink")
            question = await anna.wait_for_message(there, "begins anew", timeout=30, after=said)
            await anna.tap(question, "Take off Anna on Telegram")
            await anna.wait_for_message(there, "is separate now", timeout=30, after=question)
            await ann.wait_for_message(here, says("is separate now"), timeout=30, after=third)
            tap = await anna.tap(second, "Go to the current page")
            assert "not here any more" in ((await tap.answered(timeout=30)).text or "")
            said = await anna.say(there, "/story_list")
            await anna.wait_for_message(there, "no stories yet", timeout=30, after=said)
            await ann.click(third, "1")
            await ann.wait_for_message(here, page, timeout=60, after=third)
