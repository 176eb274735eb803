"""Operators and administrators name people by @username or id: who has it now is meant, and nobody else."""

from collections.abc import AsyncGenerator

import pytest

from bot.events import UserRef
from bot.policy import AccessPolicy
from db.models import AccessRuleRow, IdentityRow
from tests.bot.playing import words
from tests.bot.world import Bot, command, event_of, running_bot


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url, policy=AccessPolicy(frozenset({"telegram:7"}))) as bot:
        yield bot


async def seen(
    bot: Bot, key: str, name: str, username: str | None, *, platform: str = "telegram", group: str = ""
) -> None:
    """Somebody does something, under these names."""
    event = event_of(command("help"), name=key, platform=platform, group=group)
    await bot.router.dispatch(event.model_copy(update={"user": UserRef(external_id=key, name=name, username=username)}))


async def boss(bot: Bot, text: str) -> str:
    return await words(bot, await bot.does(command(text), name="7", platform="telegram"))


async def banned() -> list[str]:
    return [f"{r.platform}:{r.external_id}" for r in await AccessRuleRow.all().order_by("id")]


@pytest.mark.parametrize("who", ["@Ann_Lee", "@ann_lee 7d spam", "ann_lee", "telegram:@ann_lee", "11"])
async def test_by_username_and_by_id(bot: Bot, who: str):
    await seen(bot, "11", "Ann", "Ann_Lee")
    await seen(bot, "12", "Ben", "ben")
    await boss(bot, f"operator ban: {who}")
    assert await banned() == ["telegram:11"]
    await boss(bot, f"operator unban: {who}")
    assert await banned() == []


async def test_a_changed_username_is_followed(bot: Bot):
    await seen(bot, "11", "Ann", "ann")
    await seen(bot, "11", "Ann", "annabel")
    assert "Nobody here" in await boss(bot, "operator ban: @ann")
    await boss(bot, "operator ban: @annabel")
    assert await banned() == ["telegram:11"]


async def test_a_username_is_its_present_holders(bot: Bot):
    await seen(bot, "11", "Ann", "star")
    await seen(bot, "12", "Ben", "Star")
    await boss(bot, "operator ban: @star")
    assert await banned() == ["telegram:12"]
    assert (await IdentityRow.get(external_id="11")).username is None


async def test_a_username_that_was_given_up_names_nobody(bot: Bot):
    await seen(bot, "11", "Ann", "ann")
    await seen(bot, "11", "Ann", "")
    assert "Nobody here" in await boss(bot, "operator ban: @ann")
    assert await banned() == []


async def test_an_event_that_does_not_say_changes_nothing(bot: Bot):
    await seen(bot, "11", "Ann", "ann")
    await seen(bot, "11", "", None)
    assert (await IdentityRow.get(external_id="11")).username == "ann"


async def test_nobody_is_meant_who_only_calls_themselves_so(bot: Bot):
    """On Telegram a mention is a username; who has another, or none, is somebody else."""
    await seen(bot, "11", "ben", "eve")
    await seen(bot, "12", "ben", "")
    assert "Nobody here" in await boss(bot, "operator ban: @ben")
    await seen(bot, "13", "Benjamin", "ben")
    await boss(bot, "operator ban: @ben")
    assert await banned() == ["telegram:13"]


async def test_what_may_mean_several_is_asked(bot: Bot):
    await seen(bot, "11", "ben", "eve")
    await seen(bot, "12", "Benjamin", "ben")
    said = await boss(bot, "operator ban: ben")
    assert "Several people" in said
    assert "telegram:11" in said
    assert "telegram:12" in said
    assert await banned() == []


async def test_the_same_username_on_another_platform_is_somebody_else(bot: Bot):
    await seen(bot, "11", "Ann", "ann")
    await seen(bot, "21", "Anna", "ann", platform="discord")
    await boss(bot, "operator ban: @ann")
    await boss(bot, "operator ban: discord:@ann")
    assert await banned() == ["telegram:11", "discord:21"]


async def test_on_discord_the_name_that_others_see_is_a_mention_too(bot: Bot):
    await seen(bot, "21", "Ann Lee", "annlee", platform="discord")
    await boss(bot, "operator ban: discord:@Ann Lee")
    assert await banned() == ["discord:21"]


async def test_administrators_find_members_by_username(bot: Bot):
    await seen(bot, "11", "Ann", "ann_lee", group="club")
    await seen(bot, "12", "ann_lee", "eve", group="club")
    await seen(bot, "13", "ben", "", group="club")
    await seen(bot, "14", "Zed", "zoe", group="den")

    async def admin(text: str, **values: str) -> str:
        event = command(text, **values)
        return await words(bot, await bot.does(event, name="5", platform="telegram", group="club", role="admin"))

    for who in ("@Ann_Lee", "11"):
        assert "Ann" in await admin(f"permissions: {who}")
        assert "body" not in await admin("audit", person=who)
    assert "Several" in await admin("permissions: ann_lee")
    for who in ("@ben", "@zoe", "Zed", "14"):
        assert "Nobody" in await admin(f"permissions: {who}"), "they have no such username, or are of another place"
        assert "Nobody" in await admin("audit", person=who)
