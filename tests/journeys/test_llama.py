"""The same journey with a language model, through llama.cpp in its own process: a tiny random one, and a real one."""

import asyncio
from pathlib import Path

import pytest

from bot.stack.home import StackUrls
from db.connection import rows
from tests.doubles.telegram import Message, TelegramServer
from tests.journeys.processes import bot, running, worker
from tests.models.smollm2 import smollm2
from tests.models.tiny_gguf import tiny_gguf


def letters(text: str) -> str:
    """What is left of a text when it was split into messages and cleaned of what these cannot carry."""
    return "".join(c for c in text if c.isalnum())


def page(message: Message) -> bool:
    return "1" in message.labels and "Retry" in message.labels


@pytest.mark.timeout(240)
async def test_a_model_writes_pages_choices_and_replies(database: str, redis_url: str, tmp_path: Path):
    urls = StackUrls(database, redis_url)
    model = tiny_gguf(tmp_path)
    async with TelegramServer() as telegram:
        settings = {"TELEGRAM_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.api_url}
        with_model = {"STORYFORK_TEXT_MODEL": str(model), "STORYFORK_LLAMA_CONTEXT": "4096"}
        async with running(worker(urls, tmp_path, 1, **with_model), bot(urls, tmp_path, "telegram", **settings)):
            ann = telegram.person("ann")
            dm = ann.chat()
            said = await ann.say(dm, "/story_new a keeper finds a door under the sea")
            first = await ann.wait_for_message(dm, page, timeout=90, after=said)
            await ann.tap(first, "1")
            second = await ann.wait_for_message(dm, page, timeout=90, after=first)
            assert second.text != first.text
            await ann.tap(second, "Back")
            home = await ann.wait_for_message(dm, page, timeout=30, after=second)
            await ann.tap(home, "Retry")
            await ann.wait_for_message(dm, page, timeout=90, after=home)
            await ann.say(dm, "/persona_use marlow")
            hello = await ann.wait_for_message(dm, "Marlow", timeout=30)
            await ann.say(dm, "Hello, who are you?")
            await ann.wait_for_message(dm, lambda m: "Answer again" in m.labels, timeout=90, after=hello)
    tasks = await rows("SELECT function, state, engine, completion_tokens, steps FROM ai_tasks ORDER BY id")
    assert {t["function"] for t in tasks} == {"write_page", "suggest_choices", "answer_as_persona"}
    assert {t["state"] for t in tasks} == {"done"}
    # A random model may write what no repair can read; it must have been asked, and have answered most of it.
    by_model = [t for t in tasks if t["engine"] == "llama"]
    assert len(by_model) >= len(tasks) / 2
    assert all(t["completion_tokens"] > 0 for t in by_model)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_reply_is_shown_as_it_is_remembered_and_status_tells_of_the_model(
    database: str, redis_url: str, tmp_path: Path
):
    urls = StackUrls(database, redis_url)
    with_model = {"STORYFORK_TEXT_MODEL": str(smollm2()), "STORYFORK_LLAMA_CONTEXT": "2048"}
    short = {"STORYFORK_FUNCTION_PERSONA_MAX_TOKENS": "48", "STORYFORK_MODEL_SIZE": "auto"}
    async with TelegramServer() as telegram:
        ann = telegram.person("ann")
        settings = {
            "TELEGRAM_TOKEN": telegram.token,
            "TELEGRAM_API_URL": telegram.api_url,
            "STORYFORK_OPERATORS": f"telegram:{ann.id}",
        }
        async with running(
            worker(urls, tmp_path, 1, **with_model, **short), bot(urls, tmp_path, "telegram", **settings)
        ):
            dm = ann.chat()
            said = await ann.say(dm, "Hello, who are you?")
            await ann.wait_for_message(dm, lambda m: "Answer again" in m.labels, timeout=120, after=said)
            replies = [m for m in dm.messages if m.from_bot and not m.deleted]
            (kept,) = await rows("SELECT text FROM chat_messages WHERE role = 'persona' AND state = 'ready'")
            assert letters(kept["text"]) in letters("".join(m.text for m in replies))
            assert all("Cancel" not in m.labels for m in replies)
            # A worker publishes its engines' figures every few seconds.
            async with asyncio.timeout(60):
                while True:
                    asked = await ann.say(dm, "/status")
                    status = await ann.wait_for_message(dm, "Up and working.", timeout=60, after=asked)
                    if "tokens/s" in status.text:
                        break
                    await asyncio.sleep(1)
            assert "Writers: llama (SmolLM2-135M-Instruct.Q4_1, ready), templates" in status.text
            assert "Workers: 1" in status.text
            assert "llama SmolLM2-135M-Instruct.Q4_1 on" in status.text
    (task,) = await rows("SELECT engine FROM ai_tasks")
    assert task["engine"] == "llama"
