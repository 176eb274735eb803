"""Reports: anybody may, nobody learns who did, operators look, dismiss or remove."""

import json
from typing import Any

import pytest

from bot.events import MenuPick
from bot.policy import AccessPolicy
from db import pictures
from db.connection import row, rows
from db.models import PageRow, PictureRow, StoryRow
from db.moderation import ModerationPolicy
from tests.bot.world import Bot, command, press, say, write

OPERATOR = "console:olga"


@pytest.fixture
async def reported(bot: Bot) -> tuple[Bot, int]:
    """A page of ann's story in a group, on show there, and an operator who has written to the bot before."""
    bot.router._moderation = ModerationPolicy(operators=frozenset({OPERATOR}))
    bot.router._policy = AccessPolicy(operators=frozenset({OPERATOR}))
    await bot.does(say("hello"), name="olga")
    await bot.does(command("story new: a keeper finds a door", mode="open"), group="club", role="admin")
    story = await StoryRow.get()
    assert story.cursor_id is not None
    await write(await PageRow.get(id=story.cursor_id))
    conversation = await row("SELECT id FROM conversations WHERE kind = 'group'")
    assert conversation is not None
    await rows(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, state, "
        "message_ids) VALUES ('console:shown', 'reply', 'console', $1, 'page', $2::jsonb, '{}', 'sent', '[\"77\"]')",
        conversation["id"], json.dumps({"page": story.cursor_id}),
    )  # fmt: skip
    return bot, story.cursor_id


async def report_row() -> dict[str, Any]:
    found = await row("SELECT * FROM reports")
    assert found is not None
    return dict(found)


async def test_a_report_reaches_the_operators_and_nobody_learns_of_whom(reported: tuple[Bot, int]) -> None:
    bot, page = reported
    event = await bot.does(command("report", reason="it is about me"), name="ben", group="club")
    answer = await bot.answer(event)
    assert "nobody else learns" in answer.body
    assert answer.private
    found = await report_row()
    assert (found["page_id"], found["state"], found["reason"]) == (page, "open", "it is about me")
    await bot.does(command("report"), name="ben", group="club")
    assert len(await rows("SELECT 1 FROM reports")) == 1, "the same person, the same thing"
    told = await rows("SELECT payload FROM outbox WHERE part = 'notice'")
    assert [json.loads(r["payload"])["values"] for r in told] == [{"report": found["id"]}]
    assert "ben" not in str([dict(r) for r in told])
    shown = await bot.answer(await bot.does(press("rep_show", found["id"]), name="olga"))
    assert "The door." in shown.body
    assert "it is about me" in shown.body
    assert "console:ann" in shown.body
    assert "ben" not in shown.body
    listed = await bot.answer(await bot.does(command("operator reports"), name="olga"))
    assert [button.label for row in listed.buttons for button in row] == [f"#{found['id']}: a page"]
    assert listed.menu, "on the console it is opened by its number"


async def test_the_menu_of_a_message_reports_that_message(reported: tuple[Bot, int]) -> None:
    bot, page = reported
    picked = MenuPick(name="Report", message_id="77", author_is_bot=True, text="")
    await bot.does(picked, name="ben", group="club")
    assert (await report_row())["page_id"] == page
    other = MenuPick(name="Report", message_id="78", author_is_bot=True, text="")
    answer = await bot.answer(await bot.does(other, name="ben", group="club"))
    assert "nothing that can be reported" in answer.body


async def test_a_report_that_replies_to_a_message_is_about_that_message(reported: tuple[Bot, int]) -> None:
    bot, page = reported
    picture = await shown_picture(bot)
    replying = command("report", reason="it is about me").model_copy(update={"reply_to": "77"})
    await bot.does(replying, name="ben", group="club")
    found = await report_row()
    assert (found["page_id"], found["picture_id"], found["reason"]) == (page, None, "it is about me")
    await bot.does(say("/report too bright", reply_to="79"), name="cal", group="club")
    (found,) = await rows("SELECT * FROM reports WHERE page_id IS NULL")
    assert (found["picture_id"], found["reason"]) == (picture, "too bright"), "typed where commands are a list"


async def test_a_report_that_replies_to_something_else_is_not_about_what_was_last_shown(
    reported: tuple[Bot, int],
) -> None:
    bot, _ = reported
    for where in ("78", "77"):
        group = "club" if where == "78" else "another"
        replying = command("report").model_copy(update={"reply_to": where})
        answer = await bot.answer(await bot.does(replying, name="ben", group=group))
        assert "nothing that can be reported" in answer.body
        assert answer.private
    assert await rows("SELECT FROM reports") == []


@pytest.mark.parametrize(
    ("verb", "state", "text"), [("rep_dismiss", "dismissed", "The door."), ("rep_act", "acted", "[…]")]
)
async def test_an_operator_decides(reported: tuple[Bot, int], verb: str, state: str, text: str) -> None:
    bot, page = reported
    await bot.does(command("report"), name="ben", group="club")
    await bot.does(command("report"), name="cal", group="club")
    first = min(r["id"] for r in await rows("SELECT id FROM reports"))
    for name in ("ben", "ann"):
        await bot.does(press(verb, first), name=name)
    assert {r["state"] for r in await rows("SELECT state FROM reports")} == {"open"}, "only an operator decides"
    await bot.does(press(verb, first), name="olga")
    states = [r["state"] for r in await rows("SELECT state FROM reports ORDER BY id")]
    assert states == ([state, "open"] if state == "dismissed" else [state, state])
    assert (await PageRow.get(id=page)).text == text
    again = await bot.answer(await bot.does(press(verb, first), name="olga"))
    assert "not open any more" in again.body


async def test_there_must_be_something_to_report(bot: Bot) -> None:
    answer = await bot.answer(await bot.does(command("report")))
    assert "nothing here that can be reported" in answer.body


async def shown_picture(bot: Bot) -> int:
    """A picture of ann's, the last thing shown in the group."""
    conversation = await row("SELECT id, account_id FROM conversations WHERE kind = 'group'")
    assert conversation is not None
    ann = await row("SELECT user_id FROM identities WHERE external_id = 'ann'")
    assert ann is not None
    picture = await PictureRow.create(
        account_id=conversation["account_id"], user_id=ann["user_id"], kind="imagined", prompt="a red door"
    )
    await pictures.put_file(picture.id, pictures.StoredFile("full", "image/png", b"the picture"))
    await rows(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, state, "
        "message_ids) VALUES ('console:drawn', 'reply', 'console', $1, 'picture', $2::jsonb, '{}', 'sent', '[\"79\"]')",
        conversation["id"], json.dumps({"picture": picture.id}),
    )  # fmt: skip
    return picture.id


async def test_an_operator_looks_at_a_reported_picture_in_private_and_covered(reported: tuple[Bot, int]) -> None:
    bot, _ = reported
    picture = await shown_picture(bot)
    await bot.does(command("report"), name="ben", group="club")
    report = (await report_row())["id"]
    details = await bot.answer(await bot.does(press("rep_show", report), name="olga"))
    assert details.pictures == (), "nobody has to see it"
    assert press("rep_picture", report).data in details.actions()
    shown = await bot.answer(await bot.does(press("rep_picture", report), name="olga"))
    assert (shown.private, shown.body, len(shown.pictures)) == (True, "", 1)
    assert shown.pictures[0].hidden
    assert (await shown.pictures[0].load("photo")).data == b"the picture"
    looked = await rows("SELECT subject FROM audit WHERE action = 'report_picture'")
    assert [entry["subject"] for entry in looked] == [str(report)]
    for name, group in (("ann", ""), ("ben", ""), ("ann", "club"), ("olga", "club")):
        answer = await bot.answer(await bot.does(press("rep_picture", report), name=name, group=group))
        assert answer.pictures == ()
        assert "a red door" not in answer.body
    await bot.does(press("rep_dismiss", report), name="olga")
    closed = await bot.answer(await bot.does(press("rep_picture", report), name="olga"))
    assert closed.pictures == (), "only as long as the report is open"
    assert (await pictures.get((await PictureRow.get(id=picture)).account_id, picture)).id == picture


async def test_the_report_of_a_text_shows_no_picture(reported: tuple[Bot, int]) -> None:
    bot, _ = reported
    await shown_picture(bot)
    picked = MenuPick(name="Report", message_id="77", author_is_bot=True, text="")
    await bot.does(picked, name="ben", group="club")
    report = (await report_row())["id"]
    details = await bot.answer(await bot.does(press("rep_show", report), name="olga"))
    assert press("rep_picture", report).data not in details.actions()
    answer = await bot.answer(await bot.does(press("rep_picture", report), name="olga"))
    assert answer.pictures == ()
