"""`/prompt`: own texts for a persona, a story, a type of jobs; tests of several variants, and their results."""

import pytest

from db import prompt_tests, votes
from db.connection import row, rows
from db.models import JobRow
from db.moderation import ModerationPolicy
from db.overrides import PromptScope
from db.prompts_in_force import in_force
from tests.bot.playing import begun, words
from tests.bot.world import Bot, command, press
from tests.db.world import somebody

NAME = "story/write_page"
HAIKU = "Write {{ premise }} as a haiku."


async def shown(bot: Bot, **scope: str) -> tuple[str, str]:
    """The text of the prompt, and what is said of it."""
    message = await bot.answer(await bot.does(command(f"prompt show: {NAME}", **scope)))
    return message.body, message.footer


async def test_each_level_has_its_text_and_says_whose_it_is(bot: Bot):
    await begun(bot)
    scopes: dict[str, dict[str, str]] = {
        "everything written here": {}, "this persona": {"persona": "here"},
        "this type of jobs": {"job": "branching_page"}, "this story": {"story": "here"},
    }  # fmt: skip
    for what, scope in scopes.items():
        saved = await words(bot, await bot.does(command(f"prompt set: {NAME}", text=f"For {what}.", **scope)))
        assert f"changed for {what}" in saved
        assert (await shown(bot, **scope))[0] == f"For {what}."
    assert (await shown(bot))[1].endswith(
        "the first that fits is used: one for a story, one for jobs of the type branching_page, one for a persona, "
        "one for everything, the default."
    )
    account = (await somebody("ann")).account.id
    story = await row("SELECT max(id) AS id FROM stories")
    assert story is not None
    used = [
        await in_force(account, NAME, about)
        for about in (
            PromptScope(story_id=story["id"], job_type="branching_page"),
            PromptScope(job_type="branching_page"),
            PromptScope(),
        )
    ]
    assert [each.own and each.own.level for each in used] == ["story", "job", "account"]
    await bot.does(command(f"prompt reset: {NAME}", story="here"))
    body, said = await shown(bot, story="here")
    assert (body, "your own version." in said) == ("For everything written here.", True)
    assert "no version of your own" in await words(bot, await bot.does(command(f"prompt reset: {NAME}", story="here")))


@pytest.mark.parametrize(
    ("does", "says"),
    [
        (command(f"prompt set: {NAME}", text="x", persona="here", job="imagine"), "persona=, job="),
        (command(f"prompt set: {NAME}", text="x", job="sleep"), "no type of jobs “sleep”"),
        (command("prompt test: memory/passage", text="x"), "nobody votes"),
        (command(f"prompt results: {NAME}"), "not being tested"),
        (command(f"prompt end: {NAME}"), "not being tested"),
        (command(f"prompt test: {NAME}", text="{{ secret }}"), "cannot be used"),
    ],
)
async def test_what_cannot_be_is_said(bot: Bot, does: object, says: str):
    assert says in await words(bot, await bot.does(does))  # type: ignore[arg-type]
    assert await rows("SELECT 1 FROM task_prompts UNION ALL SELECT 1 FROM prompt_tests") == []


async def test_a_test_shows_counts_and_intervals_and_one_variant_is_kept(bot: Bot):
    _, page = await begun(bot)
    who = await somebody("ann")
    account, user = who.account.id, who.user.id
    assert "Variant B" in await words(bot, await bot.does(command(f"prompt test: {NAME}", text=HAIKU, share="30")))
    assert "65 % at most" in await words(bot, await bot.does(command(f"prompt test: {NAME}", text="x", share="66")))
    assert "would spoil" in await words(bot, await bot.does(command(f"prompt set: {NAME}", text="x")))
    (variant,) = await rows("SELECT id FROM prompt_variants WHERE label = 'B'")
    await prompt_tests.note_text(variant["id"], page_id=page.id, message_id=None)
    await votes.vote(account, user, "page", page.id, up=True)
    await bot.does(press("retry", page.id, 0), pressed="m1")
    (again,) = await rows("SELECT id FROM pages WHERE variant_index = 1")
    await prompt_tests.note_text(variant["id"], page_id=again["id"], message_id=None)
    results = await bot.answer(await bot.does(command(f"prompt results: {NAME}")))
    assert results.table is not None
    assert results.table.rows == (
        ("A", "70 %", "0", "–", "–"),
        # The second text is not written yet.
        ("B", "30 %", "1", "1 of 1: 100 % (21–100 %)", "1 of 1: 100 % (21–100 %)"),
    )
    await bot.does(command(f"prompt end: {NAME}", keep="B"))
    assert (await shown(bot))[0] == HAIKU
    assert "It is over." in (await bot.answer(await bot.does(command(f"prompt results: {NAME}")))).footer


async def test_what_is_not_checked_yet_is_judged_by_workers_that_know_its_kind(bot: Bot):
    bot.router._moderation = ModerationPolicy(classified=True)
    await bot.does(command(f"prompt set: {NAME}", text=HAIKU))
    await bot.does(command(f"prompt set: {NAME}", text=HAIKU, job="imagine"))
    await bot.does(command("prompt test: persona/answer", text="Be brief."))
    found = [(each.type, each.parameters["kind"]) for each in await JobRow.all().order_by("id")]
    assert found == [
        ("judge_prompt", "override"), ("judge_scoped_prompt", "task"), ("judge_scoped_prompt", "variant"),
    ]  # fmt: skip


async def test_only_a_variant_that_may_be_used_is_kept(bot: Bot):
    await bot.does(command(f"prompt test: {NAME}", text=HAIKU))
    await rows("UPDATE prompt_variants SET verdict = 'unchecked' WHERE label = 'B'")
    assert "cannot be kept" in await words(bot, await bot.does(command(f"prompt end: {NAME}", keep="B")))
    assert "no variant C" in await words(bot, await bot.does(command(f"prompt end: {NAME}", keep="C")))
    assert "variant A is used" in await words(bot, await bot.does(command(f"prompt end: {NAME}")))
    assert "haiku" not in (await shown(bot))[0]
