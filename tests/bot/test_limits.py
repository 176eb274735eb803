"""Limits as people meet them: a clear refusal that says when it goes on, the same on every platform."""

from dataclasses import replace

import pytest

from bot.actions.packing import pack
from bot.events import ButtonPress, Event, Submit
from bot.limit_settings import LimitSettings
from bot.messages import Message
from bot.time_zones import set_time_zone, time_zone
from db import stories
from db.connection import row, rows
from db.usage_limits import QUOTAS, UsageLimits
from tests.bot.world import Bot, command, event_of, say, write


async def does(bot: Bot, payload: object, *, platform: str = "telegram", name: str = "ann", group: str = "") -> Event:
    event = event_of(payload, name=name, group=group).model_copy(update={"platform": platform})  # type: ignore[arg-type]
    await bot.router.dispatch(event)
    return event


async def told(bot: Bot, event: Event) -> str:
    """The text of the answer that is known at once; empty for work."""
    messages: list[Message] = await bot.answers(event)
    return " ".join(m.body for m in messages)


def limited(bot: Bot, **values: int) -> UsageLimits:
    bot.router._limits = UsageLimits(**values)  # type: ignore[attr-defined]
    return bot.router._limits  # type: ignore[attr-defined]


@pytest.mark.parametrize("platform", ["telegram", "discord"])
async def test_a_flood_is_refused_and_leaves_nothing(bot: Bot, platform: str) -> None:
    limited(bot, work=5)
    answers = [
        await told(bot, await does(bot, command(f"story new: a fox, {n}"), platform=platform)) for n in range(30)
    ]
    assert [not each for each in answers] == [True] * 5 + [False] * 25
    assert all("You can go on in 1 min" in each for each in answers[5:])
    kept = await row("SELECT (SELECT count(*) FROM stories) AS stories, (SELECT count(*) FROM jobs) AS jobs")
    assert kept == {"stories": 5, "jobs": 5}


async def test_another_person_is_not_held_up(bot: Bot) -> None:
    limited(bot, work=2)
    for _ in range(4):
        await does(bot, say("hello"), name="ann")
    assert await told(bot, await does(bot, say("hello"), name="ben")) == ""


async def test_a_refused_choice_can_be_taken_later(bot: Bot) -> None:
    limited(bot, pages=1)
    await does(bot, command("story new: a fox"))
    story = await row("SELECT id, cursor_id, revision, account_id FROM stories")
    assert story is not None
    found = await stories.page(story["account_id"], story["cursor_id"])
    assert found is not None
    await write(found[1])
    choice = ButtonPress(data=pack("choose", story["cursor_id"], story["revision"], 1))
    assert "There is more in" in await told(bot, await does(bot, choice))
    assert (await row("SELECT cursor_id, revision FROM stories")) == {
        "cursor_id": story["cursor_id"],
        "revision": story["revision"],
    }
    await rows("UPDATE quotas SET whole_at = now()")
    assert await told(bot, await does(bot, choice)) == ""
    # What is there already costs nothing.
    again = await row("SELECT cursor_id, revision FROM stories")
    assert again is not None
    await does(bot, ButtonPress(data=pack("back", again["cursor_id"], again["revision"])))
    back = await row("SELECT cursor_id FROM stories")
    assert back == {"cursor_id": story["cursor_id"]}


async def test_one_person_has_one_share_wherever_they_write(bot: Bot) -> None:
    limited(bot, replies=2)
    for group in ("", "club"):
        assert await told(bot, await does(bot, say("hello"), group=group)) == ""
    assert "within a day" in await told(bot, await does(bot, say("hello"), group="other"))


async def test_a_place_has_a_share_of_its_own(bot: Bot) -> None:
    limited(bot, replies=1, place_factor=2)
    for name in ("ann", "ben"):
        assert await told(bot, await does(bot, say("hello"), name=name, group="club")) == ""
    assert "each place" in await told(bot, await does(bot, say("hello"), name="cyd", group="club"))
    assert await told(bot, await does(bot, say("hello"), name="cyd")) == ""


async def test_status_says_what_is_left(bot: Bot) -> None:
    bot.composer._around = replace(bot.around, limits=limited(bot, pages=9))  # type: ignore[attr-defined]
    assert "Left for you" not in await told(bot, await does(bot, command("status")))
    await does(bot, command("story new: a fox"))
    assert "8 pages of 9 a day; all of them again in 2 h 40 min." in await told(bot, await does(bot, command("status")))


async def test_the_user_of_the_console_has_no_limit(bot: Bot) -> None:
    limited(bot, work=1)
    for _ in range(3):
        event = event_of(say("hello"))
        event = event.model_copy(update={"account": event.account.model_copy(update={"kind": "console"})})
        await bot.router.dispatch(event)
        assert await told(bot, event) == ""


async def test_defaults_are_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    found = LimitSettings().limits()
    assert all(getattr(found, name) > 0 for name in UsageLimits.__dataclass_fields__)
    monkeypatch.setenv("STORYFORK_LIMIT_PAGES", "7")
    assert LimitSettings().limits().of("pages") == 7
    assert QUOTAS[0] == "work"


async def test_a_time_zone_is_named_in_any_case(bot: Bot) -> None:
    event = event_of(command("status"))
    context = await bot.router._context(event)  # type: ignore[attr-defined]
    await set_time_zone(context, "america/new york")
    assert await time_zone(await bot.router._context(event)) == "America/New_York"  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="zone_unknown"):
        await set_time_zone(context, "Mars/Olympus")
    await set_time_zone(context, "")
    assert await time_zone(await bot.router._context(event)) == ""  # type: ignore[attr-defined]


async def test_a_form_may_be_handed_in_again_after_a_refusal(bot: Bot) -> None:
    limited(bot, stories=1)
    await does(bot, command("story new: a fox"))
    again = Submit(form=pack("fill", "story new"), values={"premise": "a hare"})
    assert "another in" in await told(bot, await does(bot, again))
