"""What is made from a subject goes with it: jobs, step results, pictures, messages; not only when an account goes."""

from typing import Any
from uuid import UUID

import pytest

from db import chats, jobs, outbox, personas, pictures, stories
from db.connection import jsonb, row, rows, transaction
from db.errors import NotFound
from db.payloads.notice import Notice
from db.people import Who
from db.pictures import NewPicture, StoredFile
from db.redrawing import DrawAgain, Upscale, Variations
from db.work import (
    BranchingPage,
    IllustratePage,
    Imagine,
    JobParameters,
    PersonaPortrait,
    PersonaReply,
)
from tests.db.test_privacy import tables_with
from tests.db.world import somebody

WORD = "zqcanary"


async def done(who: Who, parameters: JobParameters, key: str, parent_id: int | None = None) -> tuple[int, UUID]:
    """A job that has run, with step results; still open."""
    job_id = await jobs.add(
        parameters, account_id=who.account.id, user_id=who.user.id, conversation_id=who.conversation.id,
        event_key=f"console:{key}", destination={"user_id": "ann"}, parent_id=parent_id,
    )  # fmt: skip
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    await jobs.save_artifact(job_id, job.lease_token, "a step", "step", {"text": f"{WORD} {key}"})
    await jobs.interact(job_id, {"said": f"{WORD} {key}"})
    return job_id, job.lease_token


async def drawn(who: Who, parameters: JobParameters, key: str, **subject: Any) -> int:
    """A picture that a job drew."""
    job_id, token = await done(who, parameters, key)
    about: dict[str, Any] = {"kind": "imagined", **subject}
    new = NewPicture(
        prompt=f"{WORD} {key}", negative=WORD, alt=WORD, style="", size="", quality="", strength=1.0, seed=1,
        rating="sfw", hidden=False, width=1, height=1, engine="e", model="m", **about,
    )  # fmt: skip
    picture = await pictures.save(job_id, token, new, [])
    await jobs.finish(job_id, token)
    return picture


async def kay(who: Who) -> personas.Persona:
    """A persona of somebody's own."""
    await rows(
        "INSERT INTO personas (account_id, key, name, card) VALUES ($1, 'k', 'Kay', $2::jsonb)",
        who.account.id, jsonb({"bio": WORD}),
    )  # fmt: skip
    return await personas.named(who.account.id, "Kay")


async def test_a_deleted_story_takes_everything_with_it(database: str):
    who = await somebody("ann")
    async with transaction():
        move = await stories.create(
            account_id=who.account.id, owner_id=who.user.id, conversation_id=who.conversation.id, premise=WORD, seed=1
        )
        await stories.attach_page(move.page.id, title=WORD, text=WORD, ending=False, choices=[(WORD, "bold")])
        await stories.choose_own(who.account.id, who.user.id, move.page.id, move.story.revision, f"I say {WORD}")
    page = move.page.id
    parent, _ = await done(who, BranchingPage(page=page, prompt=WORD), "page")
    illustrated = await drawn(who, IllustratePage(illustrates=page), "illustration", kind="page", page_id=page)
    await drawn(who, DrawAgain(picture=illustrated), "again", kind="page", page_id=page, source_id=illustrated)
    await drawn(who, Upscale(picture=illustrated), "larger", kind="upscaled", page_id=page, source_id=illustrated)
    await done(who, IllustratePage(illustrates=page, automatic=True), "child", parent_id=parent)
    told = await outbox.add(
        "console:told", outbox.REPLY, platform="console", conversation_id=who.conversation.id,
        payload=Notice(key="story.kept", values={"title": WORD}), destination={"user_id": "ann"},
    )  # fmt: skip
    (claimed,) = (await outbox.claim("console", 5)).rows
    assert claimed.row.id == told
    await outbox.sent(claimed.row.id, claimed.token, [])
    assert len(await tables_with(WORD)) == 7
    async with transaction():
        await stories.delete(who.account.id, who.user.id, move.story.id)
    assert await tables_with(WORD) == set()


async def test_a_deleted_picture_takes_its_job_with_it(database: str):
    who = await somebody("ann")
    picture = await drawn(who, Imagine(prompt=WORD, negative=WORD, lora=WORD), "imagined")
    await done(who, Imagine(prompt=WORD, source=picture), "redraws it")
    async with transaction():
        await pictures.delete(who.account.id, who.user.id, picture)
    assert await tables_with(WORD) == set()


async def test_a_deleted_persona_takes_its_chats_with_it(database: str):
    who = await somebody("ann")
    persona = await kay(who)
    turn = await chats.say(who.conversation, persona, who.user.id, WORD)
    await done(who, PersonaReply(reply=turn.reply.id, prompt=WORD), "reply")
    await rows("DELETE FROM personas WHERE id = $1", persona.id)
    assert await tables_with(WORD) == set()
    assert await row("SELECT 1 FROM jobs") is None


async def test_a_deleted_persona_takes_its_portraits_with_it(database: str):
    who = await somebody("ann")
    persona = await kay(who)
    order = PersonaPortrait(persona=persona.id, prompt=WORD)
    portrait = await drawn(who, order, "portrait", kind="portrait", persona_id=persona.id)
    await pictures.put_file(portrait, StoredFile("full", "image/png", WORD.encode()))
    varied = await drawn(
        who, Variations(picture=portrait), "varied", kind="variation", persona_id=persona.id, source_id=portrait
    )
    await drawn(who, Upscale(picture=varied), "larger", kind="upscaled", persona_id=persona.id, source_id=varied)
    await done(who, order, "still open")
    assert {"public.jobs", "public.artifacts", "public.pictures"} <= await tables_with(WORD)
    await rows("DELETE FROM personas WHERE id = $1", persona.id)
    assert await tables_with(WORD) == set()
    assert await row("SELECT 1 FROM jobs") is None
    assert await row("SELECT 1 FROM picture_files") is None


async def test_what_somebody_described_themselves_outlives_the_persona_from_whose_portrait_it_was_drawn(database: str):
    who = await somebody("ann")
    persona = await kay(who)
    order = PersonaPortrait(persona=persona.id)
    portrait = await drawn(who, order, "portrait", kind="portrait", persona_id=persona.id)
    changed = await drawn(who, Imagine(prompt="a red door", source=portrait), "changed", source_id=portrait)
    await rows("DELETE FROM personas WHERE id = $1", persona.id)
    kept = await pictures.get(who.account.id, changed)
    assert (kept.prompt, kept.source_id, kept.job_id) == (f"{WORD} changed", None, None)
    assert await pictures.find(who.account.id, portrait) is None


async def test_a_portrait_is_not_kept_once_its_persona_is_deleted(database: str):
    who = await somebody("ann")
    persona = await kay(who)
    await rows("DELETE FROM personas WHERE id = $1", persona.id)
    with pytest.raises(NotFound):
        await drawn(who, PersonaPortrait(persona=persona.id), "late", kind="portrait", persona_id=persona.id)
    assert await row("SELECT 1 FROM pictures") is None
