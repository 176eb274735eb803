"""Facts in the archive: found where they hold, never once they were replaced, and gone with what they say."""

from db.connection import row
from db.memory import facts, indexing
from db.memory.facts import NewFact
from db.memory.scopes import ArchiveScope
from db.memory.search import ArchiveFilter, search
from db.people import Who
from db.stories import Page
from tests.db.test_facts import fork
from tests.db.test_memories import ann, chat_memory, said, story_memory, told
from tests.db.world import somebody

__all__ = ["ann"]


def about(text: str, **more: object) -> NewFact:
    given = {"subject": "Tamsel", "kind": "person", "importance": 5, "version": "1", **more}
    return NewFact(text=text, **given)  # pyright: ignore[reportArgumentType]


async def indexed(who: Who, scope: ArchiveScope) -> int:
    count = 0
    while new := await indexing.index_facts(who.account.id, scope):
        count += new
    return count


async def asked(who: Who, scope: ArchiveScope, query: str, pages: list[Page] | None = None) -> list[str]:
    only = ArchiveFilter(sources=("fact",), pages=None if pages is None else [page.id for page in pages])
    return [hit.text for hit in await search(who.account.id, [scope], query, only=only)]


async def test_a_replaced_fact_is_not_found_but_on_the_other_branch(database: str):
    who = await somebody()
    story, pages = await told(who, 4)
    memory = await story_memory(pages[-1])
    (old,) = await facts.put(memory.id, [about("She carries a lantern of brass.", page_id=pages[0].id)])
    new = about("She carries a lantern of tin.", page_id=pages[3].id, replaces=[old])
    await facts.put(memory.id, [new])
    scope = ArchiveScope.story(story.id)
    assert (await indexed(who, scope), await indexed(who, scope)) == (2, 0)
    assert await asked(who, scope, "Which lantern?", pages) == ["Tamsel: She carries a lantern of tin."]
    assert await asked(who, scope, "Which lantern?") == ["Tamsel: She carries a lantern of tin."]
    other = await fork(who, pages, 1)
    assert await asked(who, scope, "Which lantern?", [*pages[:2], other]) == ["Tamsel: She carries a lantern of brass."]


async def test_what_was_said_is_found_with_what_holds_instead_now(ann: Who):
    lines = ["I live in the town of Lyon.", "I moved to Brest.", "Now it is Metz."]
    exchanges = [await said(ann, line) for line in lines]
    memory = await chat_memory(exchanges[0])
    replaced: list[int] = []
    for exchange in exchanges:
        replaced = await facts.put(
            memory.id, [about(exchange.said.text, message_id=exchange.said.id, replaces=replaced)]
        )
    chat = (ann.conversation.id, exchanges[0].said.persona_id, 0)
    await indexing.index_chat(ann.account.id, *chat)
    found = {hit.text: hit.later for hit in await search(ann.account.id, [ArchiveScope.chat(*chat)], "Lyon Brest Metz")}
    assert found[lines[0]] == found[lines[1]] == "Now it is Metz."
    assert found[lines[2]] == ""


async def test_a_changed_or_forgotten_fact_leaves_the_archive_at_once(ann: Who):
    exchange = await said(ann, "hello")
    memory = await chat_memory(exchange)
    scope = ArchiveScope.chat(ann.conversation.id, exchange.said.persona_id, 0)
    kept = await facts.add_by_hand(memory.id, ann.user.id, "Rufus", "A dog with one ear.", "checked")
    due = await row("SELECT due_at IS NOT NULL AS due FROM memories WHERE id = $1", memory.id)
    assert due == {"due": True}
    await indexed(ann, scope)
    assert await asked(ann, scope, "one ear") == ["Rufus: A dog with one ear."]
    await facts.edit(ann.account.id, ann.user.id, kept, "A dog with both ears.", "checked")
    assert await asked(ann, scope, "one ear") == []
    await indexed(ann, scope)
    assert await asked(ann, scope, "both ears") == ["Rufus: A dog with both ears."]
    await facts.forget(ann.account.id, kept)
    assert await asked(ann, scope, "both ears") == []
