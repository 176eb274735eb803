"""Vectors of the archive: by one model at a time, beside words, and gone with what they were made from."""

import math

import pytest

from db.connection import row, rows
from db.memory import archive, scopes, vectors
from db.memory import search as searching
from db.memory.scopes import ArchiveScope
from db.memory.search import ArchiveWeights, QueryVector, search
from db.people import Who
from tests.db.world import somebody

MODEL = "it's a {model}"


def toward(angle: float) -> list[float]:
    return [math.cos(angle), math.sin(angle), 0.0]


async def filled(who: Who, count: int = 12) -> int:
    """Notes of which the n-th points by n tenths away from the first; returns the scope's id."""
    for n in range(count):
        await archive.add_document(who.account.id, ArchiveScope.place(), f"Note {n}", [f"This is item {n}."])
    scope = await scopes.make(who.account.id, ArchiveScope.place())
    found = await vectors.missing(scope, MODEL)
    await vectors.put(MODEL, {chunk: toward(n / 10) for n, chunk in enumerate(sorted(found))})
    return scope


async def asked(who: Who, query: str, angle: float, limit: int = 3) -> list[str]:
    vector, place = QueryVector(MODEL, toward(angle)), [ArchiveScope.place()]
    plain = ArchiveWeights(recency=0.0)
    return [hit.text for hit in await search(who.account.id, place, query, vector=vector, limit=limit, weights=plain)]


@pytest.mark.parametrize("exact", [10_000, 3])
async def test_meaning_finds_what_shares_no_word(database: str, monkeypatch: pytest.MonkeyPatch, exact: int):
    monkeypatch.setattr(searching, "EXACT", exact)
    assert await vectors.prepare(MODEL, 3)
    assert await vectors.prepare(MODEL, 3)
    who = await somebody()
    await filled(who)
    assert await asked(who, "", 0.46) == ["This is item 5.", "This is item 4.", "This is item 6."]
    assert await asked(who, "unheard", 0.0) == ["This is item 0.", "This is item 1.", "This is item 2."]
    # Both count: the words lift one that is farther away.
    assert (await asked(who, "item 7", 0.5))[0] == "This is item 7."


async def test_a_chunk_without_a_vector_counts_by_its_words(database: str):
    assert await vectors.prepare(MODEL, 3)
    who = await somebody()
    scope = await filled(who)
    await archive.add_document(who.account.id, ArchiveScope.place(), "New", ["A comet was seen."])
    assert (await asked(who, "When was the comet seen?", 0.5, 1)) == ["A comet was seen."]
    assert list((await vectors.missing(scope, MODEL)).values()) == ["A comet was seen."]


async def test_vectors_of_two_models_are_never_compared(database: str):
    assert await vectors.prepare(MODEL, 3)
    who = await somebody()
    scope = await filled(who)
    other = QueryVector("another", toward(0.5))
    assert await search(who.account.id, [ArchiveScope.place()], "", vector=other) == []
    found = await search(who.account.id, [ArchiveScope.place()], "item 3", vector=other)
    assert found[0].text == "This is item 3."
    await vectors.put("another", {chunk: [1.0, 0.0] for chunk in await vectors.missing(scope, "another")})
    await vectors.drop_others(scope, "another")
    assert await rows("SELECT DISTINCT model FROM archive_vectors") == [{"model": "another"}]


async def test_a_vector_goes_with_its_chunk_and_its_account(database: str):
    who, ben = await somebody(), await somebody("ben")
    assert await vectors.prepare(MODEL, 3)
    await filled(who)
    assert await search(ben.account.id, [ArchiveScope.place()], "item", vector=QueryVector(MODEL, toward(0))) == []
    for document in await archive.documents(who.account.id, [ArchiveScope.place()]):
        await archive.remove_document(who.account.id, document.id)
    assert await row("SELECT 1 FROM archive_vectors") is None
