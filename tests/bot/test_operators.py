"""`/operator …`: what operators decide, told to them and noted in the audit log; nobody else may."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest

from bot.policy import AccessPolicy
from bot.targets import read_end
from db import access, audit, moves, people
from db.access import Target
from db.errors import BadInput
from db.models import AccessRuleRow, JobRow, OutboxRow, PageRow, ServiceSwitchRow
from tests.bot.playing import PREMISE, begun, words
from tests.bot.world import Bot, command, event_of, press, running_bot

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    policy = AccessPolicy(frozenset({"console:boss", "telegram:7"}))
    async with running_bot(redis_url, policy=policy) as bot:
        yield bot


async def boss(bot: Bot, text: str, group: str = "", **values: str) -> str:
    """What an operator is told who types a command."""
    return await words(bot, await bot.does(command(text, **values), name="boss", group=group))


async def noted() -> list[tuple[str, str]]:
    return [(entry.action, entry.subject) for entry in await audit.entries()]


async def test_nobody_but_operators_may(bot: Bot):
    for spec in bot.topics.commands:
        if spec.operator:
            event = await bot.does(command(spec.name, **{p.name: "ann" for p in spec.parameters if p.required}))
            assert await words(bot, event) == "Only the operators of this bot may do that."
            assert await bot.router.form_for(event_of(command(spec.name))) is None
            for parameter in spec.parameters:
                assert await bot.router.complete(event_of(command(spec.name)), parameter.name, "") == []
    filled = await bot.does(press("fill", "operator ban"))
    assert "Only the operators" in await words(bot, filled)
    assert not await AccessRuleRow.all().count()


async def test_help_shows_operators_theirs(bot: Bot):
    for name, seen in (("ann", False), ("boss", True)):
        message = await bot.answer(await bot.does(command("help"), name=name))
        labels = [button.label for line in message.buttons for button in line]
        labels += [option.label for select in message.selects for option in select.options]
        assert ("Operators" in labels) == seen


async def test_a_ban_by_name_with_an_end_and_a_reason(bot: Bot):
    await bot.does(command("help"), name="eve")
    said = await boss(bot, "operator ban: @Eve 7d advertising in groups")
    assert said == "Banned: eve (console:eve). That ends in 7 days. Reason: “advertising in groups”."
    told = await words(bot, await bot.does(command("help"), name="eve"))
    assert "banned you. That ends in 7 days. Their reason: “advertising in groups”. Only they can change it." in told
    assert "eve (console:eve)" in (await boss(bot, "operator bans"))
    assert await noted() == [("ban", "console:eve")]
    assert await bot.router.complete(event_of(command("operator unban"), name="boss"), "who", "ev") == [
        ("eve (console:eve)", "console:eve")
    ]
    assert await boss(bot, "operator unban: eve") == "console:eve is not banned any more."
    assert "Nobody is banned" in await boss(bot, "operator bans")
    assert (await bot.router.dispatch(event_of(command("help"), name="eve"))).status == "answered"
    assert await noted() == [("unban", "console:eve"), ("ban", "console:eve")]


async def test_a_ban_of_this_place(bot: Bot):
    await boss(bot, "operator ban: this place", group="club")
    assert "this place" in await words(bot, await bot.does(command("help"), group="club"))
    assert (await bot.router.dispatch(event_of(command("help")))).status == "answered"
    assert "private chat" in await boss(bot, "operator ban: here")


async def test_somebody_who_was_never_seen_is_banned_by_id(bot: Bot):
    assert "telegram:99" in await boss(bot, "operator ban: telegram:99 forever")
    await boss(bot, "operator ban: telegram:-1001 spam")
    found = {r.external_id: r.subject for r in await AccessRuleRow.all()}
    assert found == {"99": "user", "-1001": "place"}
    await moves.move_group("telegram", "-1001", "-2002")
    assert await AccessRuleRow.filter(external_id="-2002", subject="place").count() == 1


async def test_who_is_not_clear_is_not_banned(bot: Bot):
    for person in ("eve", "ben"):
        await bot.does(command("help"), name=person)
    await people.resolve("console", account=("dm", "x", "Eve"), user=("x", "Eve", ""), conversation=("x", "", "dm"))
    assert "Several people" in await boss(bot, "operator ban: Eve")
    assert "Nobody here" in await boss(bot, "operator ban: nobody")
    assert "is an operator" in await boss(bot, "operator ban: telegram:7")
    assert "is an operator" in await boss(bot, "operator ban: boss")
    assert "no end that lies ahead" in await boss(bot, "operator ban: ben", until="2020-01-01")
    assert "is not banned" in await boss(bot, "operator unban: ben")
    assert not await AccessRuleRow.all().count()


async def test_open_jobs_of_whom_is_banned_are_stopped(bot: Bot):
    asked = await bot.does(command(f"story new: {PREMISE}"), name="eve", group="club")
    mine = await bot.does(command(f"story new: {PREMISE}"), group="club")
    assert "1 open job was stopped" in await boss(bot, "operator ban: eve")
    assert (await JobRow.get(event_key=asked.key)).state == "cancelled"
    assert (await JobRow.get(event_key=mine.key)).state == "queued"
    assert "stopped by the operators" in await words(bot, asked)
    assert "1 open job was stopped" in await boss(bot, "operator ban: this place", group="club")
    assert (await JobRow.get(event_key=mine.key)).state == "cancelled"


async def test_a_ban_takes_nothing_from_others(bot: Bot):
    story, page = await begun(bot, group="club", mode="open")
    await bot.does(press("choose", page.id, 0, 1), name="eve", group="club")
    await boss(bot, "operator ban: eve")
    assert (await PageRow.filter(story_id=story.id, state="pending").count()) == 0
    assert (await bot.router.dispatch(event_of(press("choose", page.id, 2, 1), group="club"))).status == "working"


async def test_the_list_of_those_who_may_use_the_bot(bot: Bot):
    assert "The list is empty" in await boss(bot, "operator allow")
    await boss(bot, "operator allow: here", group="club")
    assert "console:club" in await boss(bot, "operator allow")
    assert "not on the list any more" in await boss(bot, "operator disallow: here", group="club")
    assert await noted() == [("disallow", "console:club"), ("allow", "console:club")]


@pytest.mark.parametrize("typed", ["imagine off", "/imagine off"])
async def test_a_command_is_switched_off_and_on(bot: Bot, typed: str):
    assert "is off" in await boss(bot, f"operator switch: {typed}")
    assert "switched off" in await words(bot, await bot.does(command("imagine: a door")))
    assert "switched off" in await words(bot, await bot.does(press("redraw", 1)))
    assert "is on" in await boss(bot, "operator switch: imagine", state="on")
    assert "switched off" not in await words(bot, await bot.does(press("redraw", 1)))
    assert await noted() == [("switch", "imagine"), ("switch", "imagine")]


async def test_what_cannot_be_switched_off(bot: Bot):
    for name in ("operator", "operator ban", "help", "status"):
        assert "cannot be switched off" in await boss(bot, f"operator switch: {name} off")
    assert "no command" in await boss(bot, "operator switch: dance off")
    assert await boss(bot, "operator switch: imagine") == "state is missing: on or off"
    assert not await ServiceSwitchRow.all().count()


async def test_maintenance_ends_as_it_began(bot: Bot):
    running = await bot.does(command(f"story new: {PREMISE}"))
    await boss(bot, "operator maintenance: on Back at nine.")
    refused = await bot.does(command("story list"))
    assert "Back at nine." in await words(bot, refused)
    assert (await JobRow.get(event_key=running.key)).state == "queued"
    assert (await OutboxRow.get(event_key=refused.key)).kind == "notice"
    assert "over" in await boss(bot, "operator maintenance: off")
    assert (await bot.router.dispatch(event_of(command(f"story new: {PREMISE}")))).status == "working"


@pytest.mark.parametrize(
    ("text", "end", "rest"),
    [
        ("7d", NOW + timedelta(days=7), ""),
        ("for 2 weeks, spam", NOW + timedelta(days=14), "spam"),
        ("90m loud", NOW + timedelta(minutes=90), "loud"),
        ("until 2026-12-31 rude", datetime(2026, 12, 31, tzinfo=UTC), "rude"),
        ("2026-12-31 18:30", datetime(2026, 12, 31, 18, 30, tzinfo=UTC), ""),
        ("forever", None, ""),
        ("for ever: worse", None, "worse"),
        ("7dwarfs", NOW + timedelta(days=7), ""),
        ("spam for days", None, "spam for days"),
        ("", None, ""),
    ],
)
def test_ends(text: str, end: datetime | None, rest: str):
    assert read_end(text, NOW) == (end, rest)


@pytest.mark.parametrize("text", ["0d", "until 2026-11-28", "2026-13-01", "99999w"])
def test_no_ends(text: str):
    with pytest.raises(BadInput):
        read_end(text, NOW)


async def test_rules_of_a_person_are_removed_by_any_identity(database: str):
    who = await people.resolve("console", account=("dm", "a", ""), user=("a", "Ann", ""), conversation=("a", "", "dm"))
    await access.put("banned", Target("user", "console", "a", who.user.id), by=None)
    assert await access.remove("banned", Target("user", "telegram", "1", who.user.id)) == 1
