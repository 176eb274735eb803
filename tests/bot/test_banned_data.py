"""Who is banned, or not on the list, keeps the right to their data, in private and within limits, and nothing else."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from bot.actions.packing import pack
from bot.admission import OWN_DATA_EVENTS
from bot.events import ButtonPress, Payload, Submit
from bot.policy import AccessPolicy
from db import access, erasure, people
from db.access import Target
from db.connection import rows, transaction
from db.models import AccessRuleRow, DraftRow, JobRow, StoryRow
from db.usage_limits import UsageLimits
from tests.bot.data_world import deliver, presses, rows_of, unpack, work
from tests.bot.playing import PREMISE, begun, words
from tests.bot.test_admission import everything, rule, user
from tests.bot.world import Bot, command, event_of, press, running_bot, say
from tests.db.world import somebody

MINE = ("data export", "data delete", "privacy")


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url, policy=AccessPolicy(frozenset({"console:boss"}))) as bot:
        yield bot


async def banned(bot: Bot, *, group: str = "") -> int:
    """Ban Ann for good, and let her know; returns her id."""
    ann = await somebody("ann")
    await rule("banned", user("ann", ann.user.id))
    assert "banned" in await words(bot, await bot.does(say("hello there, I am"), group=group))
    return ann.user.id


async def status(bot: Bot, payload: Payload, **where: str) -> str:
    return (await bot.router.dispatch(event_of(payload, **where))).status  # type: ignore[arg-type]


def others(bot: Bot) -> list[Payload]:
    """Every command, button and text but those about one's own data, also as typed."""
    given = [p for p in everything(bot) if getattr(p, "name", "") not in MINE]
    given = [p for p in given if getattr(p, "data", "..").split(".")[1] not in ("wipe", "unwipe")]
    typed = [say(f"/{spec.name}") for spec in bot.topics.commands if spec.name not in MINE]
    fills = [press("fill", spec.name) for spec in bot.topics.commands]
    forms = [Submit(form=each.data, values={"what": "mine", "text": "x"}) for each in fills]
    return [*given, *typed, *fills, *forms, say("/data"), say("data export"), say("please: /data export")]


async def test_a_banned_person_is_told_what_is_left_to_them(bot: Bot):
    await rule("banned", user())
    said = await words(bot, await bot.does(command("help")))
    assert "/data export" in said
    assert "/privacy" in said
    await rule("banned", Target("place", "console", "club"))
    assert "/data export" not in await words(bot, await bot.does(command("help"), name="eve", group="club"))


async def test_a_banned_person_reads_exports_and_deletes_what_is_theirs(bot: Bot, redis_url: str):
    await begun(bot)
    ann = await banned(bot)
    assert "What is stored" in (await bot.answer(await bot.does(say("/privacy")))).body
    await bot.does(command("data export"))
    await work(redis_url, "export_data")
    files = await unpack(await deliver(bot))
    assert [s["premise"] for s in rows_of(files, "data/stories")] == [PREMISE]
    asked = await bot.answer(await bot.does(command("data delete")))
    assert "your ban" in asked.body
    assert "Nothing was deleted" in (await bot.answer(await presses(bot, asked, "Delete nothing"))).body
    assert "being deleted" in (await bot.answer(await presses(bot, asked, "Delete it all"))).body
    await deliver(bot)
    assert (await work(redis_url, "erase_data")).state == "done"
    assert await people.user(ann) is None
    assert await StoryRow.all().count() == 0


async def test_nothing_else_is_left_to_them(bot: Bot):
    await begun(bot)
    await banned(bot)
    jobs = await JobRow.all().count()
    for payload in others(bot):
        assert await status(bot, payload) == "ignored", payload
    for payload in (command("privacy"), command("data export"), say("/data delete"), press("wipe", 1, 1)):
        assert await status(bot, payload, group="club") == "ignored", payload
    assert (await JobRow.all().count(), await StoryRow.all().count(), await DraftRow.all().count()) == (jobs, 1, 0)
    assert await status(bot, command("privacy")) == "answered"


async def test_an_open_question_is_answered_by_nothing(bot: Bot):
    await bot.does(command("story new"))
    assert await DraftRow.all().count() == 1
    await banned(bot)
    assert await status(bot, command("privacy")) == "answered"
    assert await status(bot, say(PREMISE)) == "ignored"
    assert await StoryRow.all().count() == 0


async def test_what_is_a_places_or_anothers_is_refused(bot: Bot):
    await begun(bot, name="ben")
    ben = await somebody("ben")
    await banned(bot)
    for what in ("data export", "data delete"):
        assert "your own chat" in (await bot.answer(await bot.does(command(what, what="place")))).body
    forged = ButtonPress(data=pack("wipe", ben.user.id, 1))
    assert "Only the person" in (await bot.answer(await bot.does(forged))).body
    assert await status(bot, ButtonPress(data=pack("wipe_place", ben.account.id, 1))) == "ignored"
    assert await JobRow.filter(type__in=("export_data", "erase_data")).count() == 0
    assert await people.user(ben.user.id) is not None


async def test_nobody_who_is_banned_is_greeted(bot: Bot):
    await rule("banned", user("eve"))
    (shown,) = await bot.answers(await bot.does(command("privacy"), name="eve"))
    assert "What is stored" in shown.body


async def test_deleting_does_not_lift_a_ban(bot: Bot, redis_url: str):
    """Not for the identity that the ban named, and not for one that was linked to it."""
    who = await people.resolve(
        "telegram", account=("dm", "77", "Ann"), user=("77", "Ann", ""), conversation=("77", "", "dm")
    )
    await bot.does(command("help"))
    await rows("UPDATE identities SET user_id = $1 WHERE platform = 'console'", who.user.id)
    await rule("banned", Target("user", "telegram", "77", who.user.id))
    async with transaction():
        closed = await erasure.close_person(who.user.id)
    await erasure.erase_in_places(closed.parameters, [])
    await erasure.erase_person(who.user.id, [])
    kept = await AccessRuleRow.all().order_by("platform")
    assert [(k.platform, k.external_id, k.user_id) for k in kept] == [
        ("console", "ann", None),
        ("telegram", "77", None),
    ]
    for _ in range(2):
        for platform, name in (("console", "ann"), ("telegram", "77")):
            outcome = await bot.router.dispatch(
                event_of(command(f"story new: {PREMISE}"), name=name, platform=platform)
            )
            assert outcome.status != "working"
    assert await StoryRow.all().count() == 0
    assert await access.remove("banned", Target("user", "telegram", "77")) == 1


async def test_a_ban_with_an_end_keeps_it(database: str):
    ann = await somebody("ann")
    await rule("banned", Target("user", "telegram", "99", ann.user.id))
    await rows("UPDATE access_rules SET ends_at = now() + interval '1 day'")
    await access.keep_ban(ann.user.id, [("console", "ann"), ("telegram", "99")])
    assert [k.ends_at is not None for k in await AccessRuleRow.all()] == [True, True]
    await rows("DELETE FROM access_rules")
    await access.keep_ban(ann.user.id, [("console", "ann")])
    assert await AccessRuleRow.all().count() == 0


async def test_it_is_limited(bot: Bot):
    bot.router._limits = UsageLimits(exports=1)  # type: ignore[attr-defined]
    bot.router._policy = replace(bot.router._policy, access="open")
    await banned(bot)
    event = event_of(command("data export")).model_copy(update={"platform": "console"})
    assert (await bot.router.dispatch(event)).status == "working"
    asked = [await status(bot, command("privacy")) for _ in range(OWN_DATA_EVENTS + 3)]
    assert asked == ["answered"] * (OWN_DATA_EVENTS - 1) + ["ignored"] * 4
    assert await status(bot, command("privacy"), name="ben") == "answered"


async def test_an_export_under_way_is_not_stopped_by_a_ban(bot: Bot):
    await bot.does(say("hello"))
    await bot.does(say("hello"), name="eve")
    await bot.does(command("data export"), name="eve")
    await bot.does(command("data export", what="place"), name="eve", group="club", role="admin")
    await bot.does(command("operator ban: eve"), name="boss")
    found = {j.parameters.get("place") is None: j.state for j in await JobRow.filter(type="export_data")}
    assert found == {True: "queued", False: "cancelled"}


async def test_who_is_not_on_the_list_keeps_the_same(database: str, redis_url: str):
    async with running_bot(redis_url, policy=AccessPolicy(access="listed")) as bot:
        assert "invited people" in await words(bot, await bot.does(command("help")))
        assert await status(bot, command("help")) == "ignored"
        assert await status(bot, command("privacy")) == "answered"
        assert "Delete your data?" in (await bot.answer(await bot.does(command("data delete")))).title
        assert await status(bot, command(f"story new: {PREMISE}")) == "ignored"
