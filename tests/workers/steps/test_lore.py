"""Lorebooks: read from a file, and told in the prompts of what they belong to, and of nothing else."""

import json
from dataclasses import replace
from typing import Any

import pytest

from db import chats, jobs, lorebooks, personas, stories, uploads
from db.connection import row, rows, transaction
from db.errors import LimitReached, NotFound
from db.lorebooks import ReadLorebook
from db.memory import documents
from db.memory.scopes import ArchiveScope
from db.memory.search import ArchiveFilter, search
from db.memory.told import of_story
from db.models import JobRow, OutboxRow
from db.people import Who
from tests.db.test_memories import ann, told
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.cards.test_lorebook import TAVERN, V2_BOOK
from tests.workers.making import run_by
from tests.workers.steps.test_archived import asked
from tests.workers.steps.test_told import next_page
from workers.context.counting import BytesBound
from workers.context.lore.rules import LoreScene
from workers.engines.text.chain import TextChain
from workers.lore import LoreShelf
from workers.runner import Runner
from workers.services import Services

__all__ = ["ann"]


def entry(content: str, *keys: str, **rules: Any) -> dict[str, Any]:
    return {"name": "", "content": content, "keys": list(keys), "secondary_keys": [], **rules}


async def book(who: Who, scope: ArchiveScope, *entries: dict[str, Any], **settings: Any) -> int:
    return await lorebooks.add(who.account.id, scope, "The city", settings, entries, author_id=who.user.id)


async def handed_in(services: Services, who: Who, data: bytes, **parameters: object) -> OutboxRow:
    """What somebody is answered who hands in a file."""
    upload = await uploads.keep(who.account.id, who.user.id, "city.json", data)
    job_id = await jobs.add(
        ReadLorebook.model_validate({"upload": upload, **parameters}),
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key=f"console:lore{upload}",
        destination={"chat_id": "c"},
    )
    await run_by(Runner(services, 4), job_id)
    assert (await JobRow.get(id=job_id)).state in {"done", "dead"}
    found = await OutboxRow.all().order_by("-id").first()
    assert found is not None
    assert await row("SELECT FROM uploads") is None
    return found


async def last_lore() -> set[str]:
    """The last lines of the entries that the last prompt was told, by its receipt."""
    task = await row("SELECT receipt FROM ai_tasks ORDER BY id DESC LIMIT 1")
    assert task is not None
    placed = json.loads(task["receipt"])["context"]["placed"]
    entries = [int(each["id"].removeprefix("lore:")) for each in placed if each["kind"] == "lore"]
    found = await rows("SELECT content FROM lorebook_entries WHERE id = ANY ($1::bigint[])", entries)
    return {each["content"].splitlines()[-1] for each in found}


async def test_a_file_becomes_a_book_and_comes_back_as_it_was(services: Services, ann: Who):
    answer = await handed_in(services, ann, json.dumps({"data": {"character_book": V2_BOOK}}).encode())
    assert answer.kind == "lorebook_kept"
    kept = await lorebooks.get(ann.account.id, ann.user.id, answer.payload["book"])
    assert (kept.name, kept.kind, kept.entries, kept.problems) == ("The city", "person", 1, [])
    settings, [gate] = await lorebooks.contents(ann.account.id, ann.user.id, kept.id)
    assert (settings.scan_depth, settings.recursive, settings.more) == (4, True, {"extensions": {"x": 1}})
    assert (gate.keys, gate.secondary_keys, gate.rules["priority"]) == (["gate", "north gate"], ["dawn"], 3)
    again = await handed_in(services, ann, json.dumps(TAVERN).encode(), title="Mine", owner="place")
    assert (await lorebooks.get(ann.account.id, ann.user.id, again.payload["book"])).name == "Mine"


async def test_people_find_its_entries_and_prompts_are_told_them_by_their_keys_alone(services: Services, ann: Who):
    place = json.dumps({"entries": [entry("The vault opens at noon.", "vault"), entry("Owls nest there.", "owl")]})
    await handed_in(services, ann, place.encode(), title="Keys", owner="place")
    kept = await handed_in(services, ann, json.dumps({"entries": [entry("My vault is empty.", "mine")]}).encode())
    of_lore = ArchiveFilter(sources=("document", "lore"))

    async def found(who: Who) -> list[tuple[str, str, int | None]]:
        scopes = await documents.readable(ann.account.id, who.user.id)
        hits = await search(ann.account.id, scopes, "When does the vault open?", only=of_lore)
        passages = await documents.passages(ann.account.id, who.user.id, [hit.id for hit in hits])
        return [(each.title, each.text, each.book) for each in passages]

    ben = await somebody("ben")
    assert await found(ann) == [("Keys", "The vault opens at noon.", 1), ("city", "My vault is empty.", 2)]
    assert await found(ben) == [("Keys", "The vault opens at noon.", 1)]
    scopes = await documents.readable(ann.account.id, ann.user.id)
    assert await search(ann.account.id, scopes, "When does the vault open?") == []
    assert await documents.listed(ann.account.id, ann.user.id) == []
    await lorebooks.remove(ann.account.id, ann.user.id, kept.payload["book"], moderate=False)
    assert [title for title, _, _ in await found(ann)] == ["Keys"]
    assert len(await rows("SELECT FROM archive_documents")) == 1


async def test_people_find_an_entry_by_its_keys_and_see_what_is_told_of_it(services: Services, ann: Who):
    told = "@@depth 4\n@@additional_keys quay\nHe is the harbourmaster.{{// He did it.}}"
    listed = [entry(told, "Aldous", name="A man"), entry("Owls nest there. " * 200, "tower"), entry("Fog.", "sea")]
    await handed_in(services, ann, json.dumps({"entries": listed}).encode())
    scopes = await documents.readable(ann.account.id, ann.user.id)

    async def found(words: str) -> list[str]:
        hits = await search(ann.account.id, scopes, words, only=ArchiveFilter(sources=("lore",)))
        passages = await documents.passages(ann.account.id, ann.user.id, [hit.id for hit in hits])
        return [each.text[:40] for each in passages]

    for words in ("Who is Aldous?", "harbourmaster"):
        assert await found(words) == ["A man\nHe is the harbourmaster."]
    # A key stands for the beginning of its entry.
    assert (await found("tower"))[0] == "Owls nest there. Owls nest there. Owls n"
    assert await found("quay depth") == []


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"{}", "lore.not_lore"),
        (b"no JSON", "lore.not_lore"),
        (b"[" * 100_000, "lore.not_lore"),
        (json.dumps({"entries": [{"content": "x"}] * 2001}).encode(), "lore.too_many_entries"),
        (
            json.dumps({"entries": [{"content": "They had sex on the beach, naked and moaning."}]}).encode(),
            "moderation.refused_rating",
        ),
        (
            # As it is written there is no such word; as it is told there is.
            json.dumps({"entries": [{"content": "They had s{{// a note}}ex, na{{hidden_key:x}}ked."}]}).encode(),
            "moderation.refused_rating",
        ),
    ],
)
async def test_what_is_not_taken_is_told(services: Services, ann: Who, data: bytes, key: str):
    assert (await handed_in(services, ann, data)).payload["key"] == key
    assert await lorebooks.listed(ann.account.id, ann.user.id) == []


async def test_an_entry_that_never_fits_is_named_with_its_size(services: Services, ann: Who):
    models = replace(services, text=TextChain((ScriptedEngine(["Well."], context=2000),)))
    entries = [{"content": "word " * 150, "keys": ["a"]}, {"content": "word " * 300, "name": "Long", "keys": ["b"]}]
    answer = await handed_in(models, ann, json.dumps({"entries": entries}).encode())
    assert answer.payload["key"] == "lore.entry_never_fits"
    assert answer.payload["values"] == {"name": "Long", "tokens": 300, "limit": 200}
    answer = await handed_in(models, ann, json.dumps({"entries": entries[:1]}).encode())
    assert answer.kind == "lorebook_kept"


async def test_an_entry_is_told_when_its_key_is_written(services: Services, ann: Who):
    bo = await personas.active(ann.conversation)
    await book(
        ann, ArchiveScope.persona(bo.id),
        entry("{{char}} fears the gate, and {{user}} knows it.", "gate"),
        entry("@@depth 3\nThe harbour is mined.", "/harbou?r/i"),
        entry("Dragons sleep.", "dragon"),
    )  # fmt: skip
    answer = await asked(services, ann, "Shall we go to the North Gate, or to the harbor?")
    assert "- Bo fears the gate, and ann knows it." in answer
    assert "- The harbour is mined." in answer
    assert "Dragons" not in answer
    assert answer.endswith("Shall we go to the North Gate, or to the harbor?")


async def test_what_needs_no_key_stands_at_the_beginning(services: Services, ann: Who):
    await book(ann, ArchiveScope.place(), entry("The city is old.", constant=True))
    assert await asked(services, ann, "Hello.") == "Hello."
    task = await row("SELECT receipt FROM ai_tasks ORDER BY id DESC LIMIT 1")
    assert task is not None
    [lore] = [each for each in json.loads(task["receipt"])["context"]["placed"] if each["kind"] == "lore"]
    assert (lore["layer"], lore["form"]) == ("B", "whole")


async def test_a_story_is_told_of_its_own_world_and_its_place(services: Services):
    ann = await somebody()
    story, pages = await told(ann, 2)
    other, _ = await told(ann, 1)
    await book(ann, ArchiveScope.story(story.id), entry("Two moons rise.", constant=True), entry("It is left.", "left"))
    await book(ann, ArchiveScope.story(other.id), entry("Canary of another story.", constant=True))
    await book(ann, ArchiveScope.person(ann.user.id), entry("Petra is harbour master.", constant=True))
    prompt = await next_page(services, ann, pages[1])
    assert "The world of the story:\n- Two moons rise.\n- Petra is harbour master." in prompt
    assert "about what was just mentioned:\n- It is left." in prompt
    assert "anary" not in prompt


async def test_nobody_is_told_of_anothers_book(services: Services, ann: Who):
    bo, eve = await personas.active(ann.conversation), await somebody("eve")
    canary = entry("Canary.", "gate", constant=True)
    for scope in (ArchiveScope.persona(bo.id), ArchiveScope.place(), ArchiveScope.person(eve.user.id)):
        await book(eve, scope, canary)
    with pytest.raises(NotFound):
        story, _ = await told(ann, 1)
        await book(eve, ArchiveScope.story(story.id), canary)
    assert await asked(services, ann, "The gate?") == "The gate?"
    _, pages = await told(ann, 2)
    assert "anary" not in await next_page(services, ann, pages[1])
    for theirs in await rows("SELECT id FROM lorebooks"):
        with pytest.raises(NotFound):
            await lorebooks.remove(ann.account.id, ann.user.id, theirs["id"], moderate=True)
    assert await lorebooks.listed(ann.account.id, ann.user.id) == []


async def test_what_was_called_up_before_stays_or_never_comes_again(services: Services, ann: Who):
    await book(
        ann, ArchiveScope.place(),
        entry("@@keep_activate_after_match\nThe gate is open.", "gate"),
        entry("@@dont_activate_after_match\nA bell rings.", "bell"),
        entry("It is dark.", "night"),
    )  # fmt: skip
    await asked(services, ann, "The gate and the bell, at night!")
    assert await last_lore() == {"The gate is open.", "A bell rings.", "It is dark."}
    assert len(await rows("SELECT FROM lore_calls WHERE message_id IS NOT NULL")) == 2
    await asked(services, ann, "What is that?")
    await asked(services, ann, "And then?")
    await asked(services, ann, "Is that a bell?")
    assert await last_lore() == {"The gate is open."}
    await chats.reset(ann.conversation.id)
    ann = await somebody()
    await asked(services, ann, "Is that a bell?")
    assert await last_lore() == {"A bell rings."}


async def test_a_branch_knows_nothing_of_what_another_called_up(services: Services):
    ann = await somebody()
    story, pages = await told(ann, 2)
    await book(ann, ArchiveScope.story(story.id), entry("@@keep_activate_after_match\nThe lamp burns.", "left"))
    assert "The lamp burns." in await next_page(services, ann, pages[1])
    assert [each["page_id"] for each in await rows("SELECT page_id FROM lore_calls")] == [pages[1].id + 1]
    held = await of_story(pages[1].id + 1, chunk=4, fanout=4)
    assert len(held.lore_before) == 1
    assert (await of_story(pages[1].id, chunk=4, fanout=4)).lore_before == []


async def test_what_is_somebodys_own_is_told_in_private_alone(services: Services):
    await personas.sync_shipped([{"key": "bo", "name": "Bo"}])
    ann = await somebody("ann", chat="club", kind="group")
    await book(ann, ArchiveScope.person(ann.user.id), entry("Canary.", "gate"))
    await book(ann, ArchiveScope.place(), entry("It is closed.", "gate"))
    answer = await asked(services, ann, "The gate?")
    assert "- It is closed." in answer
    assert "anary" not in answer


async def test_lore_has_a_budget_of_its_own(services: Services, ann: Who):
    many = [entry(f"Entry {n} " + "word " * 60, constant=True, insertion_order=n) for n in range(40)]
    await book(ann, ArchiveScope.place(), *many)
    await asked(services, ann, "Hello.", window=4000)
    task = await row("SELECT receipt FROM ai_tasks ORDER BY id DESC LIMIT 1")
    assert task is not None
    lore = [each for each in json.loads(task["receipt"])["context"]["placed"] if each["kind"] == "lore"]
    assert 0 < sum(each["tokens"] for each in lore) <= 400


async def test_a_book_goes_with_what_it_belongs_to(services: Services):
    ann = await somebody()
    await rows("INSERT INTO personas (account_id, key, name, card) VALUES ($1, 'm', 'Mira', '{}')", ann.account.id)
    mira = await personas.named(ann.account.id, "Mira")
    story, _ = await told(ann, 1)
    await book(ann, ArchiveScope.persona(mira.id), entry("x"))
    await book(ann, ArchiveScope.story(story.id), entry("x"))
    assert len(await lorebooks.listed(ann.account.id, ann.user.id)) == 2
    async with transaction():
        await stories.delete(ann.account.id, ann.user.id, story.id)
    await rows("DELETE FROM personas WHERE id = $1", mira.id)
    assert await rows("SELECT FROM lorebooks") == await rows("SELECT FROM lorebook_entries") == []


async def test_only_so_many_books_belong_to_one(database: str):
    ann = await somebody()
    for _ in range(lorebooks.MAX_BOOKS):
        await book(ann, ArchiveScope.place(), entry("x"))
    with pytest.raises(LimitReached):
        await book(ann, ArchiveScope.place(), entry("x"))
    await book(ann, ArchiveScope.person(ann.user.id), entry("x"))
    await rows("UPDATE lorebooks SET created_at = now() - interval '40 days' WHERE kind = 'person'")
    await lorebooks.expire(ann.user.id, 39)
    assert len(await rows("SELECT FROM lorebooks")) == lorebooks.MAX_BOOKS


async def test_books_of_one_owner_hold_so_much_text_and_no_more(database: str):
    ann = await somebody()
    large = [entry("漢" * 10_000, "k") for _ in range(100)]
    for _ in range(2):
        await book(ann, ArchiveScope.place(), *large)
    with pytest.raises(LimitReached):
        await book(ann, ArchiveScope.place(), *large)
    await book(ann, ArchiveScope.person(ann.user.id), *large)
    assert len(await rows("SELECT FROM lorebooks")) == 3


async def test_a_process_keeps_few_large_sets_of_books(database: str):
    ann, shelf = await somebody(), LoreShelf(characters=2_500)
    kept = [await book(ann, ArchiveScope.place(), entry("It opens at dawn.", "gate")) for _ in range(3)]
    for one in kept:
        found, _ = await shelf.match([one], LoreScene(["The gate!"]), BytesBound(), 100)
        assert len(found.elements) == 1
    assert len(shelf) == 2
