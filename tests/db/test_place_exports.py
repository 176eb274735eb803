"""What the export of a place holds of its people, and what a person's own holds of places."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from db import context_sessions, data_exports, lorebooks, personas, uploads
from db.data_exports import ExportedRows
from db.memory import archive, forgetting, memories
from db.memory.scopes import ArchiveScope
from db.people import Who
from tests.db.world import somebody


async def words_of(export: AsyncGenerator[ExportedRows]) -> str:
    """Everything in an export, as text."""
    async with aclosing(export) as batches:
        return str([batch.rows async for batch in batches])


async def keeps(who: Who) -> None:
    """Keep something in a place: for oneself alone, and for everybody."""
    account, user = who.account.id, who.user.id
    for scope, word in ((ArchiveScope.person(user), "secret"), (ArchiveScope.place(), "public")):
        await archive.add_document(account, scope, f"{word} map", [f"{word} door"], user_id=user)
        await lorebooks.add(
            account, scope, f"{word} lore", {}, [{"content": f"{word} key", "keys": [f"{word} hint"]}], author_id=user
        )
    await uploads.keep(account, user, "secret.txt", b"x")
    await context_sessions.begin_project(account, user, "secret project")
    memory = await memories.open_chat(who.conversation.id, (await personas.active(who.conversation)).id)
    assert memory is not None
    await forgetting.ask(account, memory.id, user, "secret word")


async def test_an_export_of_a_place_holds_nothing_that_one_person_alone_sees(database: str):
    ann = await somebody("ann", chat="club", kind="group")
    await personas.sync_shipped([{"key": "vex", "name": "Vex"}])
    await keeps(ann)
    place = await words_of(data_exports.export_place(ann.account.id, []))
    assert "secret" not in place
    for kept in ("public map", "public door", "public lore", "public key"):
        assert kept in place, kept


async def test_a_persons_export_holds_the_texts_that_they_keep_in_places(database: str):
    ann = await somebody("ann", chat="club", kind="group")
    await personas.sync_shipped([{"key": "vex", "name": "Vex"}])
    await keeps(ann)
    mine = await words_of(data_exports.export_person(ann.user.id, []))
    for kept in ("secret door", "public door", "secret key", "public key", "secret word", "secret project"):
        assert kept in mine, kept
