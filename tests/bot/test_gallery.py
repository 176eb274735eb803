"""The gallery: what is in it for whom and where, leafing through it, and deleting a picture from it."""

import time
from collections.abc import Sequence
from typing import Any

from bot.messages import Message
from db import people, personas, pictures
from db.connection import rows
from db.models import OutboxRow, PictureRow
from db.people import Who
from tests.bot.playing import begun
from tests.bot.world import Bot, command, press


async def known(name: str = "ann", group: str = "") -> Who:
    """Somebody, in their own chat or in a group."""
    return await people.resolve(
        "console", account=("group" if group else "dm", group or name, ""), user=(name, name, ""),
        conversation=(group or f"dm-{name}", "", "group" if group else "dm"),
    )  # fmt: skip


async def drawn(who: Who, prompt: str, **fields: Any) -> int:
    """A picture that somebody had drawn where they are."""
    picture = await PictureRow.create(
        account_id=who.account.id, user_id=who.user.id, conversation_id=who.conversation.id, kind="imagined",
        prompt=prompt, seed=7, **fields,
    )  # fmt: skip
    await pictures.put_file(picture.id, pictures.StoredFile("full", "image/png", b"png"))
    return picture.id


def labels(shown: Message) -> list[str]:
    return [button.label for row in shown.buttons for button in row]


def shelf(who: Who, name: str, of: int, picture: int) -> Sequence[int | str]:
    return (who.user.id, int(time.time() // 60), name, of, picture)


async def test_a_person_leafs_through_their_pictures_the_newest_first(bot: Bot):
    ann = await known()
    first, second = await drawn(ann, "a door"), await drawn(ann, "a long prompt", typed="a lamp")
    await drawn(await known("ben"), "a secret")
    await pictures.attach(ann.account.id, ann.user.id, ann.conversation.id, b"x")
    shown = await bot.answer(await bot.does(command("pictures")))
    assert (shown.body, shown.footer, shown.menu) == ("a lamp", "1 of 2 · seed 7", True)
    assert len(shown.pictures) == 1
    assert labels(shown) == ["Next", "Again", "Change", "Prompt", "Full quality", "Delete"]
    older = await bot.answer(await bot.does(press("gallery", *shelf(ann, "mine", 0, first))))
    assert (older.body, older.footer, labels(older)[0]) == ("a door", "2 of 2 · seed 7", "Previous")
    assert second > first


async def test_of_a_story_and_of_a_persona(bot: Bot):
    nothing = await bot.answer(await bot.does(command("pictures")))
    assert "no pictures here yet" in nothing.body
    story, page = await begun(bot, name="ann")
    ann = await known()
    vex = next(p for p in await personas.known(ann.account.id) if p.name == "Vex")
    await drawn(ann, "the sea", page_id=page.id)
    await drawn(ann, "a thief", persona_id=vex.id)
    of_story = await bot.answer(await bot.does(command("pictures", of="story")))
    assert (of_story.body, of_story.footer) == ("the sea", "1 of 1 · seed 7")
    of_vex = await bot.answer(await bot.does(command("pictures", persona="Vex")))
    assert (of_vex.title, of_vex.body) == ("Pictures of Vex", "a thief")
    assert labels(of_vex)[-2:] == ["My pictures", "This story's"]
    assert (await bot.answer(await bot.does(press("gallery", *shelf(ann, "story", story.id, 0))))).body == "the sea"


async def test_others_see_what_was_drawn_where_they_are_and_what_may_be_shown_there(bot: Bot):
    ann, ben = await known("ann", "club"), await known("ben", "club")
    vex = next(p for p in await personas.known(ann.account.id) if p.name == "Vex")
    await drawn(ann, "seen by all", persona_id=vex.id)
    await drawn(ann, "for adults", persona_id=vex.id, rating="nsfw")
    elsewhere = await rows(
        "INSERT INTO conversations (account_id, platform, chat_id, kind) VALUES ($1, 'console', 'den', 'group') "
        "RETURNING id",
        ann.account.id,
    )
    hidden = await drawn(ann, "in another channel", persona_id=vex.id)
    await rows("UPDATE pictures SET conversation_id = $2 WHERE id = $1", hidden, elsewhere[0]["id"])
    hers = await bot.answer(await bot.does(command("pictures", persona="Vex"), group="club"))
    assert (hers.body, hers.footer, hers.private) == ("in another channel", "1 of 2 · seed 7", True)
    his = await bot.answer(await bot.does(command("pictures", persona="Vex"), name="ben", group="club"))
    assert (his.body, his.footer) == ("seen by all", "1 of 1 · seed 7")
    assert "Delete" not in labels(his)
    mine = await bot.answer(await bot.does(command("pictures"), name="ben", group="club"))
    assert "no pictures here yet" in mine.body
    foreign = press("gallery", *shelf(ann, "who", vex.id, hidden))
    assert "somebody else" in (await bot.answer(await bot.does(foreign, name="ben", group="club"))).body
    refused = press("g_drop", *shelf(ben, "who", vex.id, hidden))
    assert "may delete it" in (await bot.answer(await bot.does(refused, name="ben", group="club"))).body
    assert await PictureRow.filter(id=hidden).count() == 1


async def test_a_picture_is_deleted_after_a_question_and_where_it_was_sent(bot: Bot):
    ann = await known()
    first, second = await drawn(ann, "a door"), await drawn(ann, "a lamp")
    sent = await rows(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, state, "
        "message_ids) VALUES ('x', 'reply', 'console', $1, 'picture', jsonb_build_object('picture', $2::bigint), "
        "'{}', 'sent', '[\"m1\"]') RETURNING id",
        ann.conversation.id, second,
    )  # fmt: skip
    asked = await bot.answer(await bot.does(press("g_ask", *shelf(ann, "mine", 0, second))))
    assert asked.body.startswith("a lamp")
    assert labels(asked) == ["Delete", "Keep"]
    event = await bot.does(press("g_drop", *shelf(ann, "mine", 0, second)))
    assert [p.id for p in await PictureRow.all()] == [first]
    shown = await bot.reply(event)
    assert shown.body == "*The picture is deleted.*\n\na door"
    (mark,) = await OutboxRow.filter(event_key=event.key, part__startswith="mark")
    assert (mark.kind, mark.edits_row, mark.payload) == ("picture", sent[0]["id"], {"picture": second})
    last = await bot.answer(await bot.does(press("g_drop", *shelf(ann, "mine", 0, first))))
    assert "no pictures here yet" in last.body


async def test_a_menu_that_was_open_for_long_deletes_nothing(bot: Bot):
    ann = await known()
    picture = await drawn(ann, "a door")
    await bot.does(press("g_drop", ann.user.id, int(time.time() // 60) - 60, "mine", 0, picture))
    assert await PictureRow.all().count() == 1
