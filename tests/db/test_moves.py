"""A group that becomes a supergroup keeps its stories, prompts, settings and what is still to be answered."""

from db import accounts, drafts, jobs, moves, outbox, overrides, people, stories
from db.connection import row, rows, transaction
from db.payloads.notice import Notice
from db.people import Who
from db.work import BranchingPage

OLD, NEW = "-77", "-10077"


async def in_group(chat: str, user: str = "ann") -> Who:
    return await people.resolve(
        "telegram", account=("group", chat, "Readers"), user=(user, user, "en"), conversation=(chat, "", "group")
    )


async def move() -> None:
    async with transaction():
        await moves.move_group("telegram", OLD, NEW)


async def a_story(who: Who, premise: str) -> int:
    async with transaction():
        made = await stories.create(
            account_id=who.account.id,
            owner_id=who.user.id,
            conversation_id=who.conversation.id,
            premise=premise,
            seed=1,
        )
    return made.page.id


async def premises(who: Who) -> list[str]:
    found = await rows(
        "SELECT premise FROM stories WHERE account_id = $1 AND conversation_id = $2 ORDER BY id",
        who.account.id, who.conversation.id,
    )  # fmt: skip
    return [r["premise"] for r in found]


async def test_everything_of_the_group_is_found_under_its_new_id(database: str):
    who = await in_group(OLD)
    page = await a_story(who, "a door")
    await overrides.put(who.account.id, "story/write_page", "Write.", user_id=who.user.id)
    destination = {"chat_id": OLD, "user_id": "ann", "kind": "group", "reply_to": "5"}
    job = await jobs.add(
        BranchingPage(page=page), account_id=who.account.id, user_id=who.user.id, conversation_id=who.conversation.id,
        event_key="telegram:1", destination=destination,
    )  # fmt: skip
    await outbox.add(
        "telegram:1", outbox.REPLY, platform="telegram", conversation_id=who.conversation.id,
        payload=Notice(key="x"), destination=destination,
    )  # fmt: skip
    for _ in range(2):
        await move()
    moved = await in_group(NEW)
    assert (moved.account.id, moved.conversation.id) == (who.account.id, who.conversation.id)
    assert await premises(moved) == ["a door"]
    expected = {"chat_id": NEW, "user_id": "ann", "kind": "group"}
    assert (await outbox.of_event("telegram:1"))[0].destination == expected
    found = await row("SELECT destination ->> 'chat_id' AS chat FROM jobs WHERE id = $1", job)
    assert found == {"chat": NEW}


async def test_what_was_begun_under_the_new_id_joins_the_old(database: str):
    old = await in_group(OLD)
    await a_story(old, "a door")
    await accounts.choose_model(old.account.id, "old.gguf")
    young = await in_group(NEW, "ben")
    await a_story(young, "a key")
    for who in (old, young):
        await overrides.put(who.account.id, "story/write_page", f"By {who.user.name}.", user_id=who.user.id)
        await drafts.keep(who.conversation.id, old.user.id, {"by": who.user.name})
        await rows("INSERT INTO personas (account_id, key, name, card) VALUES ($1, 'mira', 'M', '{}')", who.account.id)
    await overrides.put(young.account.id, "chat/reply", "Only here.", user_id=young.user.id)
    await move()
    joined = await in_group(NEW)
    assert (joined.account.id, joined.draft) == (old.account.id, {"by": "ann"})
    assert await premises(joined) == ["a door", "a key"]
    assert await accounts.chosen_model(joined.account.id) == "old.gguf"
    found = await rows("SELECT source FROM prompt_overrides WHERE account_id = $1 ORDER BY 1", joined.account.id)
    assert [r["source"] for r in found] == ["By ann.", "Only here."]
    assert await row("SELECT count(*) AS n FROM personas WHERE account_id = $1", joined.account.id) == {"n": 2}
    assert await row("SELECT count(*) AS n FROM accounts WHERE platform = 'telegram'") == {"n": 1}


async def test_a_group_that_nobody_used_is_no_trouble(database: str):
    await move()
    assert await row("SELECT count(*) AS n FROM accounts") == {"n": 0}
