"""What nobody can read is answered by one line, and a question that is open stays open."""

from typing import Final

import pytest

from bot.events import Command, EditedMessage, IncomingFile, Payload, TextMessage, Unreadable
from bot.locales import wording
from prompts.registry import default_registry
from tests.bot.world import Bot, command, event_of, say

KINDS: Final = ("voice", "picture", "sticker", "file", "other", "channel", "reply")
FILE = TextMessage(text="", file=IncomingFile(name="a.txt", mime="text/plain", source="f1"))


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        *((Unreadable(kind=kind), kind) for kind in KINDS),
        (EditedMessage(text="a red door", message_id="1"), "edited"),
        (FILE, "file"),
    ],
)
async def test_one_line(bot: Bot, payload: Payload, key: str):
    event = event_of(payload)
    assert (await bot.router.dispatch(event)).status == "answered"
    assert (await bot.router.dispatch(event)).status == "duplicate"
    assert (await bot.answer(event)).body.startswith(wording(f"unreadable.{key}")[:30])


async def test_a_question_stays_open_and_is_answered_after_a_restart(bot: Bot):
    name = default_registry().names()[0]
    asked = await bot.answer(await bot.does(Command(name="prompt set", values={"name": name})))
    assert asked.asks is not None
    await bot.does(Unreadable(kind="sticker"))
    restarted = Bot(bot.around.queue)
    answer = await restarted.answer(await restarted.does(say("no {{ such }}")))
    assert answer.asks is None
    assert "such" in answer.body
    assert await bot.answers(await bot.does(command("help")))
