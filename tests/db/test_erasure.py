"""A person who has their data deleted leaves no word in places that stay; what a model wrote stays, without quotes."""

import asyncio
import json
from typing import Any

import pytest

from db import (
    chat_turns,
    chats,
    drafts,
    erasure,
    jobs,
    late_updates,
    limits,
    moderation,
    outbox,
    overrides,
    people,
    personas,
    pictures,
    stories,
)
from db.connection import jsonb, row, rows, transaction
from db.erasure import Closed
from db.errors import LimitReached, NotFound
from db.limits import Subject
from db.moderation import PLAIN, TextRefused
from db.payloads.notice import Notice
from db.people import Who
from db.quotes import MARK
from db.usage_limits import UsageLimits
from db.work import BranchingPage, EraseData, Imagine
from tests.db.test_privacy import lives, tables_with
from tests.db.world import somebody

PREMISE = "zq-canary keeper finds a door under the sea"
ACTION = "I whisper the zq-canary password to the door"
SAID = "My zq-canary secret is safe with you"


async def plays(ann: Who, ben: Who) -> tuple[int, int]:
    """Ann and Ben play one open story and talk to one persona; returns the story and Ann's picture."""
    async with transaction():
        begun = await stories.create(
            account_id=ann.account.id, owner_id=ann.user.id, conversation_id=ann.conversation.id, premise=PREMISE,
            mode="open", seed=1,
        )  # fmt: skip
        await stories.attach_page(
            begun.page.id, title="The ZQ-canary keeper finds it", text="There is a door.", ending=False,
            choices=[("Ask the zq-canary keeper, who finds a door", "bold"), ("Wait", "careful")],
        )  # fmt: skip
        own = await stories.choose_own(ann.account.id, ann.user.id, begun.page.id, 0, ACTION)
        await stories.attach_page(
            own.page.id, title="Inside", text=f"You lean in. “{ACTION}!” The door opens, and light falls out.",
            ending=False, choices=[("Go in", "bold")],
        )  # fmt: skip
        went_on = await stories.choose(ann.account.id, ben.user.id, own.page.id, 1, 1)
    job_id = await jobs.add(
        BranchingPage(page=went_on.page.id), account_id=ann.account.id, user_id=ben.user.id,
        conversation_id=ben.conversation.id, event_key="console:ben-1", destination={"user_id": "ben"},
    )  # fmt: skip
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    await jobs.save_artifact(job_id, job.lease_token, "write_page", "step", {"text": f"Again: {ACTION}."})
    persona = await personas.active(ann.conversation)
    turn = await chats.say(ann.conversation, persona, ann.user.id, SAID)
    await chats.attach_reply(turn.reply.id, f"Ann, you say “{SAID}”, and I keep it.")
    other = await chats.say(ben.conversation, persona, ben.user.id, "And mine is my own business")
    await chats.attach_reply(other.reply.id, "And yours is your own business.")
    picture = await pictures.attach(ann.account.id, ann.user.id, ann.conversation.id, b"zq-canary face")
    await rows("UPDATE pictures SET prompt = 'a zq-canary lighthouse' WHERE id = $1", picture)
    await rows(
        "INSERT INTO pictures (account_id, user_id, kind, source_id, prompt) "
        "VALUES ($1, $2, 'variation', $3, 'a zq-canary lighthouse')",
        ann.account.id, ben.user.id, picture,
    )  # fmt: skip
    await drafts.keep(ann.conversation.id, ann.user.id, {"values": {"premise": "zq-canary"}})
    await overrides.put(ann.account.id, "story/write_page", "Write as zq-canary would.", user_id=ann.user.id)
    await late_updates.keep("console", [("club", {"message": {"from": {"id": "ann"}, "text": "zq-canary"}})])
    await late_updates.keep("console", [("club", {"message": {"from": {"id": "ben"}, "text": "hello ann"}})])
    await jobs.add(
        Imagine(prompt="a zq-canary cat"), account_id=ann.account.id, user_id=ann.user.id,
        conversation_id=ann.conversation.id, event_key="console:ann-1", destination={"user_id": "ann"},
    )  # fmt: skip
    sent = await outbox.add(
        "console:ann-0", outbox.REPLY, platform="console", conversation_id=ann.conversation.id,
        payload=Notice(key="story.deleted", values={"title": "zq-canary"}), destination={"user_id": "ann"},
    )  # fmt: skip
    (claimed,) = (await outbox.claim("console", 10)).rows
    await outbox.sent(claimed.row.id, claimed.token)
    assert claimed.row.id == sent
    return begun.story.id, picture


async def erase(closed: Closed) -> EraseData:
    """Do what the job does, without its process."""
    people_ = [each for account in closed.parameters.accounts for each in await erasure.people_of(account, [])]
    for account in closed.parameters.accounts:
        await erasure.erase_account(account, [], people_)
    await erasure.erase_in_places(closed.parameters, [])
    assert closed.parameters.user is not None
    async with transaction():
        await erasure.erase_person(closed.parameters.user, [])
    return closed.parameters


async def close(who: Who) -> Closed:
    async with transaction():
        return await erasure.close_person(who.user.id)


async def club() -> tuple[Who, Who]:
    card: Any = {"name": "Marlow"}
    await rows("INSERT INTO personas (key, name, card) VALUES ('marlow', 'Marlow', $1::jsonb)", jsonb(card))
    return await somebody("ann", chat="club", kind="group"), await somebody("ben", chat="club", kind="group")


async def test_no_word_of_a_person_is_left_in_a_place_that_stays(database: str):
    ann, ben = await club()
    story_id, _ = await plays(ann, ben)
    closed = await close(ann)
    await rows("UPDATE outbox SET state = 'sent' WHERE event_key = 'console:ann-1'")
    await erase(closed)
    for word in ("zq-canary", "ZQ-canary", "zq canary", "whisper the", "secret is safe"):
        assert await tables_with(word) == set(), word
    assert await row("SELECT id FROM outbox WHERE destination ->> 'user_id' = 'ann'") is None
    assert await people.user(ann.user.id) is None
    assert [u["content"] for u in await rows("SELECT content FROM late_updates")] == [
        json.dumps({"message": {"from": {"id": "ben"}, "text": "hello ann"}})
    ]
    story = await stories.get(ann.account.id, story_id)
    assert story is not None
    assert (story.owner_id, story.premise, story.mode) == (None, "", "open")
    pages = await rows("SELECT title, text FROM pages WHERE state = 'ready' ORDER BY id")
    assert pages == [
        {"title": f"The {MARK} it", "text": "There is a door."},
        {"title": "Inside", "text": f"You lean in. “{MARK}!” The door opens, and light falls out."},
    ]
    said = await rows("SELECT role, text, user_id FROM chat_messages ORDER BY id")
    assert [(each["role"], each["text"]) for each in said] == [
        ("user", ""),
        ("persona", f"{MARK}, you say “{MARK}”, and I keep it."),
        ("user", "And mine is my own business"),
        ("persona", "And yours is your own business."),
    ]


async def test_others_keep_their_own(database: str):
    ann, ben = await club()
    await plays(ann, ben)
    job = await row("SELECT id FROM jobs WHERE user_id = $1", ben.user.id)
    await erase(await close(ann))
    assert await row("SELECT id FROM jobs WHERE user_id = $1", ben.user.id) == job
    assert await rows("SELECT kind, prompt, source_id FROM pictures") == [
        {"kind": "variation", "prompt": MARK, "source_id": None}
    ]


async def test_a_picture_of_a_chat_quotes_nobody_who_is_gone(database: str):
    ann, ben = await club()
    turn = await chats.say(ann.conversation, await personas.active(ann.conversation), ann.user.id, SAID)
    await chats.attach_reply(turn.reply.id, "I keep it.")
    for kind, source in (("moment", None), ("variation", 1), ("imagined", None)):
        await rows(
            "INSERT INTO pictures (account_id, user_id, conversation_id, kind, source_id, prompt) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            ann.account.id, ben.user.id, ann.conversation.id, kind, source, f"a lamp, {SAID}",
        )  # fmt: skip
    await erase(await close(ann))
    drawn = {each["kind"]: each["prompt"] for each in await rows("SELECT kind, prompt FROM pictures")}
    assert drawn == {"moment": f"a lamp, {MARK}", "variation": f"a lamp, {MARK}", "imagined": f"a lamp, {SAID}"}


async def test_what_is_written_next_is_given_marks_in_place_of_words(database: str):
    ann, ben = await club()
    story_id, _ = await plays(ann, ben)
    await erase(await close(ann))
    story = await stories.get(ann.account.id, story_id)
    assert story is not None
    assert story.cursor_id is not None
    inputs = await stories.page_inputs(story.cursor_id)
    assert inputs is not None
    assert (inputs["premise"], inputs["path"][0]["text"]) == (MARK, MARK)
    turn = await chats.say(ben.conversation, await personas.active(ben.conversation), ben.user.id, "Still there?")
    assert next(m.text for m in await chats.history(turn.reply)) == MARK
    first = await row("SELECT id FROM chat_messages WHERE role = 'persona' ORDER BY id LIMIT 1")
    await rows("DELETE FROM chat_messages WHERE user_id = $1", ben.user.id)
    assert first is not None
    with pytest.raises(NotFound, match=r"chat\.removed"):
        await chat_turns.again(ben.conversation, first["id"])


async def test_who_writes_meanwhile_is_somebody_new(database: str):
    ann = await somebody("ann")
    await stories.create(
        account_id=ann.account.id, owner_id=ann.user.id, conversation_id=ann.conversation.id, premise="a", seed=1
    )
    closed = await close(ann)
    new = await somebody("ann")
    assert new.user.id != ann.user.id
    assert new.account.id != ann.account.id
    assert await stories.list_owned(new.account.id, new.user.id) == []
    await erase(closed)
    assert await somebody("ann") == new


async def test_what_runs_is_cancelled_and_answered(database: str):
    ann = await lives("zephyr")
    before = await jobs.add(
        Imagine(prompt="a cat"), account_id=ann.account.id, user_id=ann.user.id, conversation_id=ann.conversation.id,
        event_key="console:zephyr-9", destination={"chat_id": "dm"},
    )  # fmt: skip
    closed = await close(ann)
    assert before in closed.cancelled
    assert await row("SELECT 1 FROM jobs WHERE state IN ('queued', 'running', 'waiting')") is None
    (answer,) = await outbox.of_event("console:zephyr-9")
    assert answer.payload["key"] == "job.cancelled"
    assert not await erasure.answered(closed.parameters)
    assert await row("SELECT 1 FROM awaited_files") is None
    await erase(closed)
    assert await tables_with("zephyr") == set()


async def test_a_place_is_erased_thirty_days_after_the_bot_left(database: str):
    ann, ben = await club()
    await plays(ann, ben)
    assert await erasure.overdue() == []
    await rows("UPDATE accounts SET left_at = now() - interval '31 days' WHERE id = $1", ann.account.id)
    (closed,) = await erasure.overdue()
    assert await erasure.overdue() == [], "once"
    assert (await somebody("ann", chat="club", kind="group")).account.id != ann.account.id
    people_ = await erasure.people_of(ann.account.id, [])
    assert await erasure.erase_account(closed.parameters.accounts[0], [], people_)
    assert await tables_with("zq-canary") == set()


async def test_what_a_job_left_over_is_erased_anew(database: str):
    ann = await somebody("ann")
    closed = await close(ann)
    await jobs.add(closed.parameters)
    await rows("UPDATE users SET closed_at = now() - interval '2 hours'")
    await rows("UPDATE accounts SET closed_at = now() - interval '2 hours'")
    assert await erasure.overdue() == [], "its job is open"
    await rows("UPDATE jobs SET state = 'dead'")
    (again,) = await erasure.overdue()
    assert again.parameters == closed.parameters


async def test_a_person_is_told_what_goes_and_what_stays(database: str):
    ann, ben = await club()
    await plays(ann, ben)
    counted = await erasure.survey_person(ann.user.id)
    assert (counted.stories, counted.place_texts, counted.place_pages, counted.pictures) == (0, 3, 2, 1)
    place = await erasure.survey_place(ann.account.id)
    assert (place.stories, place.pages, place.messages, place.pictures) == (1, 3, 4, 2)


async def strike(who: Who, source: str) -> None:
    refused = TextRefused("minors", stage="stored", field="premise", texts=(source,), rating="sfw")
    await moderation.note(
        refused, PLAIN, source=source, account_id=who.account.id, user_id=who.user.id, conversation_id=None
    )


async def test_a_new_start_gives_back_no_limit_and_takes_no_strike_away(database: str):
    ann, drained = await somebody("ann"), UsageLimits(pages=1)
    await limits.admit(drained, Subject(ann.account.id, ann.user.id, place=False), "pages")
    for n in range(PLAIN.strikes - 1):
        await strike(ann, f"console:{n}")
    await erase(await close(ann))
    new = await somebody("ann")
    with pytest.raises(LimitReached):
        await limits.admit(drained, Subject(new.account.id, new.user.id, place=False), "pages")
    assert new.cooldown_until is None
    await strike(new, "console:last")
    assert (await somebody("ann")).cooldown_until is not None
    await erase(await close(new))
    again = await somebody("ann")
    assert again.cooldown_until is not None, "nor does it end a cooldown"
    ben = await somebody("ben")
    await limits.admit(drained, Subject(ben.account.id, ben.user.id, place=False), "pages")
    assert ben.cooldown_until is None
    kept = await rows("SELECT * FROM spent_limits")
    assert "ann" not in str(kept)


async def test_what_is_being_said_while_a_person_is_closed_goes_with_them(database: str):
    ann, _ = await club()
    persona = await personas.active(ann.conversation)
    said, waits = asyncio.Event(), asyncio.Event()

    async def speaks() -> None:
        async with transaction():
            await chats.say(ann.conversation, persona, ann.user.id, SAID)
            await stories.create(
                account_id=ann.account.id, owner_id=ann.user.id, conversation_id=ann.conversation.id,
                premise=PREMISE, seed=1,
            )  # fmt: skip
            said.set()
            await waits.wait()

    closed = await close(ann)
    speaking = asyncio.create_task(speaks())
    await said.wait()
    erasing = asyncio.create_task(erase(closed))
    while not erasing.done():
        found = await row("SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        if found is not None and found["n"]:
            break
        await asyncio.sleep(0.05)
    assert await row("SELECT id FROM users WHERE id = $1", ann.user.id) is not None
    waits.set()
    await asyncio.gather(speaking, erasing)
    assert await row("SELECT id FROM users WHERE id = $1", ann.user.id) is None
    assert await tables_with("zq-canary") == set()


async def test_a_persona_made_in_a_place_is_emptied_and_its_chats_stay(database: str):
    ann, ben = await somebody("ann", chat="club", kind="group"), await somebody("ben", chat="club", kind="group")
    mira = await personas.create(ann.account.id, ann.user.id, {"name": "Canary", "tagline": "zq-canary"})
    await personas.edit(ann.account.id, ann.user.id, mira.id, {"tagline": "zq-canary still"})
    turn = await chats.say(ben.conversation, mira, ben.user.id, "Good evening")
    await chats.attach_reply(turn.reply.id, "And to you.")
    await erase(await close(ann))
    assert await row("SELECT name, card::text, owner_id FROM personas WHERE id = $1", mira.id) == {
        "name": "", "card": "{}", "owner_id": None,
    }  # fmt: skip
    assert await rows("SELECT 1 FROM persona_revisions") == []
    assert await personas.known(ben.account.id, ben.user.id) == []
    found = await chats.get(ben.account.id, turn.reply.id)
    assert found is not None
    assert found[0].text == "And to you."
