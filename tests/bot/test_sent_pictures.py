"""Pictures that come with a text: fetched and handed on where somebody looks at them, else said to be unseen."""

import pytest

from bot.events import Event, IncomingFile, TextMessage
from db.connection import rows
from db.models import AwaitedFileRow, ChatMessageRow, JobRow, PictureRow
from db.outbox import of_event
from tests.bot.playing import begun, words
from tests.bot.test_chat_turns import published
from tests.bot.test_fetching import PNG, Source, all_done, fetching_for
from tests.bot.world import Bot, command, event_of
from tests.workers.living import lives


def sends(text: str, **file: object) -> Event:
    sent = IncomingFile.model_validate({"name": "cat.jpg", "mime": "image/jpeg", "source": "f1", **file})
    return event_of(TextMessage(text=text, file=sent))


@pytest.fixture
async def eyes(bot: Bot) -> None:
    """A worker with a model that understands pictures."""
    await lives("w:1")
    await rows("UPDATE heartbeats SET sees = true WHERE worker = 'w:1'")


async def said() -> list[str]:
    return [each.text for each in await ChatMessageRow.filter(role="user").order_by("id")]


@pytest.mark.parametrize(("text", "stored"), [("my cat", "my cat\n[Sends a picture.]"), ("", "[Sends a picture.]")])
async def test_a_picture_is_fetched_and_goes_with_what_is_said(bot: Bot, eyes: None, text: str, stored: str):
    source = Source()
    assert (await bot.router.dispatch(sends(text))).status == "working"
    assert await said() == []
    async with fetching_for(bot, source):
        await all_done()
    assert await said() == [stored]
    (job,) = await JobRow.all()
    (picture,) = await PictureRow.all()
    assert (job.parameters["picture"], job.parameters["unseen"], picture.kind) == (picture.id, False, "attached")
    assert await rows("SELECT data FROM picture_files") == [{"data": PNG}]


async def test_where_nobody_looks_the_words_are_answered_and_that_is_said(bot: Bot):
    event = sends("my cat")
    await bot.router.dispatch(event)
    assert await said() == ["my cat\n[Sends a picture that cannot be seen here.]"]
    (job,) = await JobRow.all()
    assert job.parameters["unseen"] is True
    assert (await AwaitedFileRow.all().count(), await PictureRow.all().count()) == (0, 0)
    await published(job, "Hm.", event, unseen=True)
    shown = await bot.composer.compose((await of_event(event.key))[-1])
    assert shown is not None
    assert "The picture could not be looked at here" in shown.footer


async def test_a_picture_alone_that_nobody_looks_at_is_answered_by_one_line(bot: Bot):
    event = sends("")
    await bot.router.dispatch(event)
    assert "not looked at" in await words(bot, event)
    assert await said() == []


async def test_one_that_is_too_large_leaves_its_words(bot: Bot, eyes: None):
    too_big = {"problem": "attachment.too_big", "values": {"limit_mb": "10"}}
    await bot.router.dispatch(sends("my cat", **too_big))
    assert await said() == ["my cat\n[Sends a picture that cannot be seen here.]"]
    alone = sends("", **too_big)
    await bot.router.dispatch(alone)
    assert "10" in await words(bot, alone)


async def test_nothing_is_fetched_of_somebody_who_may_not_talk_there(bot: Bot, eyes: None):
    await bot.does(command("deny: chat member"), group="club", role="admin")
    sent = IncomingFile(name="cat.jpg", mime="image/jpeg", source="f1")
    event = await bot.does(TextMessage(text="my cat", file=sent), group="club", name="ben")
    assert "You may not" in await words(bot, event)
    assert await AwaitedFileRow.all().count() == 0


async def test_in_a_story_nobody_looks(bot: Bot, eyes: None):
    await begun(bot)
    await bot.router.dispatch(sends("I show them my map"))
    assert (await AwaitedFileRow.all().count(), await PictureRow.all().count()) == (0, 0)


async def test_an_open_question_takes_the_words_and_stays_open_for_a_picture_alone(bot: Bot, eyes: None):
    await bot.does(command("persona create", name="Mira"))
    alone = sends("")
    await bot.router.dispatch(alone)
    assert "not looked at" in await words(bot, alone)
    await bot.router.dispatch(sends("a clockmaker"))
    assert await rows("SELECT name FROM personas WHERE account_id IS NOT NULL") == [{"name": "Mira"}]
    assert await AwaitedFileRow.all().count() == 0
