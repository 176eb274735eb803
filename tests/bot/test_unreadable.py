"""What nobody can read is answered by one line, and a question that is open stays open."""

from typing import Final, get_args

import pytest

from bot.events import Command, EditedMessage, IncomingFile, Payload, TextMessage, Unreadable, UnreadableKind
from bot.locales import wording
from db.models import ChatMessageRow
from prompts.registry import default_registry
from tests.bot.world import Bot, command, event_of, say

KINDS: Final = get_args(UnreadableKind)
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


async def test_a_sticker_is_said_to_the_persona_by_its_emoji(bot: Bot):
    sticker = Unreadable(kind="sticker", stands_for="😼")
    await bot.does(sticker)
    assert await ChatMessageRow.filter(role="user").values_list("text", flat=True) == ["😼"]
    await bot.does(command("story new: a keeper finds a door", mode="solo"), name="ben")
    told = await bot.answer(await bot.does(sticker, name="ben"))
    assert told.body.startswith("A sticker cannot be read"), "a story is open there"
    assert await ChatMessageRow.filter(role="user").count() == 1


async def test_a_question_stays_open_and_is_answered_after_a_restart(bot: Bot):
    name = default_registry().names()[0]
    asked = await bot.answer(await bot.does(Command(name="prompt set", values={"name": name})))
    assert asked.asks is not None
    await bot.does(Unreadable(kind="sticker", stands_for="😼"))
    restarted = Bot(bot.around.queue)
    answer = await restarted.answer(await restarted.does(say("no {{ such }}")))
    assert answer.asks is None
    assert "such" in answer.body
    assert await bot.answers(await bot.does(command("help")))
