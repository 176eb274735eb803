"""The audit log: what is changed, deleted and decided in a place is noted, without texts, and shown to its admins."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from bot.policy import AccessPolicy
from db import audit
from db.connection import rows
from db.permissions import Role
from tests.bot.playing import begun, words
from tests.bot.world import Bot, command, press, running_bot


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url, policy=AccessPolicy(frozenset({"console:boss"}))) as bot:
        yield bot


async def does(bot: Bot, what: Any, *, name: str = "ann", group: str = "club", role: Role = "admin") -> str:
    return await words(bot, await bot.does(what, name=name, group=group, role=role))


async def noted() -> list[tuple[str, str]]:
    return [(e.action, e.subject) for e in reversed(await audit.entries())]


async def test_what_admins_change_is_noted_without_their_words(bot: Bot):
    await does(bot, command("rating: suggestive"))
    await does(bot, command("prompt set: story/write_page", text="Write {{ premise }} as a CANARY."))
    await does(bot, command("prompt reset: story/write_page"))
    await does(bot, command("prompt reset: story/write_page"))  # nothing to reset
    await does(bot, command("model: default"))
    await does(bot, command("image_model: default"))
    (first,) = await rows("SELECT name, key FROM personas ORDER BY position LIMIT 1")
    await bot.does(command(f"persona use: {first['name']}"), group="club", role="admin")
    await does(bot, command("chat reset"))
    story, _ = await begun(bot, group="club")
    await does(bot, press("delete", story.id))
    chat = (await rows("SELECT id FROM conversations WHERE chat_id = 'club'"))[0]["id"]
    assert await noted() == [
        ("rating", "suggestive"),
        ("prompt_set", "story/write_page"),
        ("prompt_reset", "story/write_page"),
        ("model", "default"),
        ("image_engine", "default"),
        ("persona_use", first["key"]),
        ("chat_reset", str(chat)),
        ("story_delete", str(story.id)),
    ]
    assert "CANARY" not in str(await rows("SELECT * FROM audit"))


async def test_what_people_do_in_their_own_chats_is_not_noted(bot: Bot):
    await bot.does(command("rating: suggestive"))
    await bot.does(command("chat reset"))
    assert await noted() == []


async def test_a_place_s_admins_see_its_own_entries(bot: Bot):
    await does(bot, command("rating: suggestive"))
    await does(bot, command("rating: sfw"), group="den", name="ben")
    said = await does(bot, command("audit"))
    assert said == "just now · ann: set the rating to suggestive"
    assert "may" in await does(bot, command("audit"), role="member")
    assert "set the rating" not in await does(bot, command("audit"), role="member")
    assert "set the rating" not in await does(bot, press("audit_older", 99, 0, "any"), role="member")
    foreign = await does(bot, press("audit_older", 99, 0, "any"))
    assert "ben" not in foreign
    assert "ann" in foreign


async def test_operators_see_everything_in_their_private_chat(bot: Bot):
    await does(bot, command("rating: suggestive"))
    await does(bot, command("rating: sfw"), group="den", name="ben")
    await rows("UPDATE accounts SET name = 'The Den' WHERE external_id = 'den'")
    everything = await words(bot, await bot.does(command("audit"), name="boss"))
    assert "just now · The Den · ben: set the rating to sfw" in everything
    assert "ann" in everything
    assert "ben" not in await does(bot, command("audit"), name="boss")
    one = await words(bot, await bot.does(command("audit", person="ben"), name="boss"))
    assert "ben" in one
    assert "ann" not in one
    await bot.does(command("operator ban: eve"), name="boss")
    banned = await words(bot, await bot.does(command("audit: maintenance"), name="boss"))
    assert banned == "Nothing is noted here."


async def test_pages_and_filters(bot: Bot):
    for n in range(audit.PAGE + 3):
        await audit.note("switch", subject=f"c{n}", details={"state": "off"})
    await audit.note("rating", subject="sfw")
    first = await bot.answer(await bot.does(command("audit: switch"), name="boss"))
    assert first.body.count("switched") == audit.PAGE
    ((button,),) = first.buttons
    second = await bot.answer(await bot.does(press("audit_older", *_args(button.action)), name="boss"))
    assert second.body.count("switched") == 3
    assert "c0 off" in second.body
    assert second.buttons == ()
    await rows("UPDATE audit SET created_at = now() - interval '3 days 5 hours'")
    assert "3 days ago · somebody:" in (await words(bot, await bot.does(command("audit"), name="boss")))


async def test_an_action_without_a_wording_is_shown_as_it_is(bot: Bot):
    await audit.note("dice", subject="6")
    assert "dice 6" in await words(bot, await bot.does(command("audit"), name="boss"))
    assert "no action" in await words(bot, await bot.does(command("audit: no such; thing"), name="boss"))
    with pytest.raises(ValueError, match="not a name"):
        await audit.note("What they said")


def _args(data: str) -> tuple[int | str, ...]:
    before, user, action = data.split(".")[2:]
    return int(before, 36), int(user, 36), action


async def test_an_action_that_does_not_exist_is_named(bot: Bot):
    for typed in ("nonsense", "@ann; bob"):
        told = await does(bot, command(f"audit: {typed}"))
        assert told.startswith(
            f"“{typed.replace(' ', '_')}” is no action that is noted. There are: allow, announce, ban, "
        )
        assert told.endswith("person=NAME*.")


async def test_a_rule_is_noted_with_its_channel_if_it_has_one(bot: Bot):
    await does(bot, command("deny: imagine guest"))
    await does(bot, command("deny: chat guest", channel="here"))
    log = await does(bot, command("audit"))
    assert "took the permission imagine from guest and below\n" in f"{log}\n"
    assert "took the permission chat from guest and below (in channel " in log


async def test_nobody_learns_from_the_filter_who_uses_the_bot_elsewhere(bot: Bot):
    for name in ("eve", "bob"):
        await bot.does(command("help"), name=name, platform="telegram")
        await rows("UPDATE identities SET name = 'Vic' WHERE external_id = $1", name)
    await bot.does(command("help"), name="77", platform="telegram")
    await does(bot, command("rating: suggestive"), group="den", name="zoe")
    for group in ("", "club"):
        for named in ("Vic", "telegram:Vic", "telegram:77", "zoe", "console:zoe"):
            told = await bot.does(command("audit", person=named), group=group, role="admin")
            unknown = await bot.does(command("audit", person="Nobodyx"), group=group, role="admin")
            said, nobody = await words(bot, told), await words(bot, unknown)
            assert said == nobody.replace("Nobodyx", named), (group, named)
    assert "set the rating" in await does(bot, command("audit", person="zoe"), group="den", name="zoe")
