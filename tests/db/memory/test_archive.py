"""The archive: what is found, what is no longer, and that nobody finds what is another's."""

import random
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from db import chat_turns, chats, personas, stories
from db.connection import credentials, row, rows, transaction
from db.errors import NotFound
from db.memory import archive, indexing
from db.memory.scopes import ArchiveScope, find
from db.memory.search import ArchiveFilter, ArchiveHit, ArchiveWeights, search
from db.people import Who
from db.personas import Persona
from db.stories import Move
from tests.db.world import somebody
from tests.effort import times


async def persona_of(who: Who, name: str = "Mira") -> Persona:
    await rows(
        "INSERT INTO personas (account_id, key, name, card) VALUES ($1, $2, $2, '{}') ON CONFLICT DO NOTHING",
        who.account.id, name,
    )  # fmt: skip
    return await personas.named(who.account.id, name)


async def chat(who: Who, persona: Persona, *lines: str) -> list[int]:
    """Say and answer in turn; returns the ids of the messages."""
    made: list[int] = []
    for said, answer in zip(lines[::2], lines[1::2], strict=True):
        turn = await chats.say(who.conversation, persona, who.user.id, said)
        await chats.attach_reply(turn.reply.id, answer)
        made += [turn.said.id, turn.reply.id]
    return made


async def a_story(who: Who) -> Move:
    async with transaction():
        return await stories.create(
            account_id=who.account.id, owner_id=who.user.id, conversation_id=who.conversation.id, premise="a tower",
            seed=1,
        )  # fmt: skip


async def index(who: Who, persona: Persona) -> int:
    count = 0
    while new := await indexing.index_chat(who.account.id, who.conversation.id, persona.id, who.conversation.epoch):
        count += new
    return count


def here(who: Who, persona: Persona) -> list[ArchiveScope]:
    return [ArchiveScope.chat(who.conversation.id, persona.id, who.conversation.epoch)]


def texts(hits: list[ArchiveHit]) -> list[str]:
    return [hit.text for hit in hits]


async def test_what_was_said_is_found_by_other_forms_of_its_words(database: str):
    who = await somebody()
    persona = await persona_of(who)
    await chat(who, persona, "My sister adopted two kittens.", "How lovely!", "It rains again.", "Stay inside then.")
    assert await index(who, persona) == 4
    assert await index(who, persona) == 0
    [first, *_] = await search(who.account.id, here(who, persona), "Which kitten did his sister adopt?")
    assert first.text == "My sister adopted two kittens."
    assert first.metadata == {"speaker": "ann"}
    assert await search(who.account.id, here(who, persona), "zebra") == []
    assert await search(who.account.id, here(who, persona), "?") == []


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("私の妹は子猫を飼っています。", "子猫は誰の?"),
        ("Моя сестра завела двух собак.", "У кого есть собака?"),
        ("Meine Schwester hat zwei kleine Kätzchen und einen Hund.", "Wer hat ein Kätzchen?"),
        ("제 여동생은 고양이를 키워요.", "고양이는 누구의 것인가요?"),
        ("Ma sœur a adopté deux chatons et elle les aime.", "Qui a adopté des chatons ?"),
    ],
)
async def test_it_is_found_in_its_own_language(database: str, said: str, asked: str):
    who = await somebody()
    persona = await persona_of(who)
    await chat(who, persona, said, "…!", "Nothing happened today.", "I see.")
    await index(who, persona)
    assert texts(await search(who.account.id, here(who, persona), asked, limit=1)) == [said]


async def test_the_neighbourhood_lifts_what_has_none_of_the_words(database: str):
    who = await somebody()
    persona = await persona_of(who)
    await chat(
        who, persona,
        "Where did you hide the silver compass?", "Under the third step.",
        "Did you feed the dog?", "Twice.", "Was it loud?", "It was.", "And cold?", "Very.",
    )  # fmt: skip
    await index(who, persona)
    found = texts(await search(who.account.id, here(who, persona), "silver compass", limit=2))
    assert found == ["Where did you hide the silver compass?", "Under the third step."]


async def test_a_time_jump_keeps_neighbours_apart(database: str):
    who = await somebody()
    persona = await persona_of(who)
    ids = await chat(who, persona, "I hid the silver compass.", "Good.", "Hello again.", "Welcome back.")
    await rows("UPDATE chat_messages SET created_at = now() - $2::interval WHERE id <= $1", ids[1], timedelta(hours=9))
    await index(who, persona)
    found = texts(await search(who.account.id, here(who, persona), "silver compass"))
    assert found == ["I hid the silver compass.", "Good."]


async def test_an_edit_a_variant_and_a_refusal_take_what_was_derived_with_them(database: str):
    who = await somebody()
    persona = await persona_of(who)
    ids = await chat(who, persona, "Tell me of the lighthouse.", "The keeper drowned.", "And the boat?", "It burned.")
    await index(who, persona)
    await rows("UPDATE chat_messages SET text = 'Tell me of the harbour.' WHERE id = $1", ids[0])
    async with transaction():
        again = await chat_turns.again(who.conversation, ids[3], who.user.id)
        await chats.attach_reply(again.reply.id, "It sailed for Norway.")
    place = await row("SELECT position FROM archive_chunks WHERE message_id = $1", ids[1])
    assert await index(who, persona) == 2
    found = await search(who.account.id, here(who, persona), "lighthouse harbour drowned burned Norway", limit=9)
    assert sorted(texts(found)) == [
        "And the boat?", "It sailed for Norway.", "Tell me of the harbour.", "The keeper drowned.",
    ]  # fmt: skip
    assert place == {"position": 2}
    assert [r["position"] for r in await rows("SELECT position FROM archive_chunks ORDER BY message_id")] == [
        1,
        2,
        3,
        4,
    ]
    await rows("UPDATE chat_messages SET verdict = 'refused' WHERE id = $1", again.reply.id)
    assert texts(await search(who.account.id, here(who, persona), "Norway")) == []
    assert await index(who, persona) == 0


async def test_a_locked_archive_holds_up_no_new_reply_and_no_new_page(database: str):
    who = await somebody()
    persona = await persona_of(who)
    await chat(who, persona, "Tell me of the lighthouse.", "The keeper drowned.")
    await index(who, persona)
    turn = await chats.say(who.conversation, persona, who.user.id, "And the boat?")
    page = (await a_story(who)).page
    aside = await asyncpg.connect(**credentials(database))
    try:
        async with aside.transaction():
            await aside.execute("LOCK TABLE archive_chunks IN SHARE MODE")
            async with transaction():
                await rows("SELECT set_config('lock_timeout', '2s', true)")
                assert await chats.attach_reply(turn.reply.id, "It burned.") is not None
                await stories.attach_page(page.id, title="x", text="A door.", ending=True, choices=[])
    finally:
        await aside.close()
    assert await index(who, persona) == 2


async def test_a_reply_that_comes_late_is_brought_in_too(database: str):
    who = await somebody()
    persona = await persona_of(who)
    turn = await chats.say(who.conversation, persona, who.user.id, "And the boat?")
    await index(who, persona)
    await rows("UPDATE archive_scopes SET indexed_to = $1 + 100", turn.reply.id)
    await chats.attach_reply(turn.reply.id, "It sailed for Norway.")
    assert await index(who, persona) == 1
    assert texts(await search(who.account.id, here(who, persona), "Norway"))[0] == "It sailed for Norway."


async def test_a_reset_begins_an_empty_archive(database: str):
    who = await somebody()
    persona = await persona_of(who)
    await chat(who, persona, "The password is swordfish.", "Noted.")
    await index(who, persona)
    await chats.reset(who.conversation.id)
    who = await somebody()
    assert await search(who.account.id, here(who, persona), "swordfish password") == []


async def test_only_the_path_of_a_story_is_searched(database: str):
    who = await somebody()
    account, user = who.account.id, who.user.id
    move = await a_story(who)
    async with transaction():
        first = move.page.id
        long = " ".join(f"The {n}th stair was worn." for n in range(40)) + "\n\nA brass bell hung there."
        await stories.attach_page(first, title="x", text=long, ending=False, choices=[("up", "bold"), ("down", "bold")])
        pages = [first]
        for number, text in ((1, "Upstairs Tamsel lost her lantern."), (2, "Downstairs Tamsel found a lantern.")):
            current = await stories.at_cursor(account, user, move.story.id, for_others=True)
            assert current is not None
            there = await row("SELECT cursor_id, revision FROM stories WHERE id = $1", move.story.id)
            assert there is not None
            step = await stories.choose(account, user, first, there["revision"], number)
            await stories.attach_page(step.page.id, title="x", text=text, ending=True, choices=[])
            pages.append(step.page.id)
            moved = await row("SELECT revision FROM stories WHERE id = $1", move.story.id)
            assert moved is not None
            await stories.back(account, user, step.page.id, moved["revision"])
    assert await indexing.index_story(account, move.story.id) == 3
    assert await indexing.index_story(account, move.story.id) == 0
    scope = [ArchiveScope.story(move.story.id)]

    async def ask(query: str, path: list[int] | None) -> list[str]:
        return texts(await search(account, scope, query, limit=1, only=ArchiveFilter(pages=path)))

    assert await ask("Where is Tamsel's lantern?", pages[:2]) == ["Upstairs Tamsel lost her lantern."]
    assert await ask("Where is Tamsel's lantern?", [pages[0], pages[2]]) == ["Downstairs Tamsel found a lantern."]
    [bell] = await ask("the bell", pages[:2])
    assert bell.endswith("A brass bell hung there.")
    assert len(bell) <= 600
    await rows("UPDATE pages SET text = 'Upstairs it was dark.' WHERE id = $1", pages[1])
    assert "lantern" not in " ".join(
        texts(await search(account, scope, "lantern", only=ArchiveFilter(pages=pages[:2])))
    )


async def test_documents_are_kept_found_and_removed(database: str):
    who = await somebody()
    account, scope = who.account.id, ArchiveScope.place()
    one = await archive.add_document(
        account, scope, "Guide", ["The gate opens at dawn.", "Dragons sleep in the cellar."], user_id=who.user.id
    )
    two = await archive.add_document(account, scope, "Law", ["No fire in the cellar."], importance=9)
    assert [d.title for d in await archive.documents(account, [scope])] == ["Law", "Guide"]
    found = await search(account, [scope], "Is there a dragon in the cellar?")
    assert texts(found)[0] == "Dragons sleep in the cellar."
    assert found[0].metadata == {"page": 2}
    important = ArchiveWeights(importance=5.0)
    assert texts(await search(account, [scope], "dragon cellar", weights=important))[0] == "No fire in the cellar."
    assert (
        texts(await search(account, [scope], "cellar", only=ArchiveFilter(metadata='{"page": 2}')))[0] == found[0].text
    )
    other = await somebody("ben")
    assert not await archive.remove_document(other.account.id, one)
    assert await archive.remove_document(account, one)
    assert texts(await search(account, [scope], "dragon cellar")) == ["No fire in the cellar."]
    assert await archive.remove_document(account, two)
    assert await row("SELECT 1 FROM archive_chunks") is None


async def test_only_messages_before_one_are_found(database: str):
    who = await somebody()
    persona = await persona_of(who)
    ids = await chat(who, persona, "I like plums.", "Plums!", "I like plums a lot.", "More plums.")
    await index(who, persona)
    found = await search(who.account.id, here(who, persona), "plums", only=ArchiveFilter(before_message=ids[2]))
    assert sorted(hit.message_id or 0 for hit in found) == ids[:2]


async def test_a_scope_of_another_account_is_not_made(database: str):
    who, ben = await somebody(), await somebody("ben")
    persona = await persona_of(who)
    with pytest.raises(NotFound):
        await indexing.index_chat(ben.account.id, who.conversation.id, persona.id, 0)
    with pytest.raises(NotFound):
        await archive.add_document(ben.account.id, ArchiveScope.persona(persona.id), "x", ["y"])


@pytest.mark.timeout(times(300, 2400))
async def test_no_tenant_finds_anothers_canary(database: str):
    """Every tenant has the same texts but for a canary of its own, and asks for the canaries of others."""
    tenants, asked, dice = times(30, 1000), times(4, 10), random.Random(12)
    accounts = [(await somebody(f"t{n}")).account.id for n in range(tenants)]
    scopes: list[list[ArchiveScope]] = []
    for n, account in enumerate(accounts):
        place = [ArchiveScope.place()]
        await archive.add_document(account, place[0], "Secrets", ["The code of the vault is", f"canary{n:04} of gold"])
        scopes.append(place)
    for n, account in enumerate(accounts):
        assert texts(await search(account, scopes[n], f"canary{n:04}", limit=1)) == [f"canary{n:04} of gold"]
        for _ in range(asked):
            victim = dice.randrange(tenants)
            query = f"What is the code of the vault, canary{victim:04} of gold?"
            words: Any = " ".join(texts(await search(account, scopes[n], query, limit=20)))
            assert "of gold" in words
            assert victim == n or f"canary{victim:04}" not in words
    # By construction: under another scope's id a word has another key.
    keys = await rows("SELECT DISTINCT unnest(keys) AS key, scope_id FROM archive_chunks")
    assert len({k["key"] for k in keys}) == len(keys)
    assert await find(accounts[0], [ArchiveScope.person(1)]) == []
