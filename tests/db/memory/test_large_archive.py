"""A large archive: words that stand in much of it are neither looked up nor counted one by one."""

from db.connection import row, rows
from db.memory import archive, search
from db.memory.scopes import ArchiveScope
from db.memory.search import ArchiveFilter
from tests.db.world import somebody

PLACE = [ArchiveScope.place()]
SIZE = search.COUNTED + 200


def told(n: int) -> str:
    """Return the n-th text: words of all, of more than the budget, of one text."""
    words = ["Kettle", f"item{n}"]
    words += ["lantern"] * (n % 4 == 0) + ["marble"] * (n % 4 == 1 or n == 80) + ["zebra"] * (n == SIZE - 1)
    return " ".join(words)


async def large() -> int:
    """Let somebody have an archive beyond what is counted; returns the account."""
    who = await somebody()
    for start in range(0, SIZE, 200):
        texts = [told(n) for n in range(start, start + 200)]
        await archive.add_document(who.account.id, PLACE[0], f"Notes {start}", texts, verdict="checked")
    return who.account.id


async def test_rare_words_find_their_place_and_frequent_ones_the_place_where_they_meet(database: str):
    account = await large()
    assert SIZE / 4 > search.BUDGET
    [first, *_] = await search.search(account, PLACE, "kettle lantern item1234")
    assert first.text == told(1234)
    found = await search.search(account, PLACE, "zebra lantern marble", limit=8)
    assert {told(80), told(SIZE - 1)} <= {hit.text for hit in found}


async def test_where_every_word_is_common_the_newest_chunks_are_looked_through(database: str):
    who = await somebody()
    account = who.account.id
    await archive.add_document(account, PLACE[0], "Notes", ["A kettle."], verdict="checked")
    # Copies of one chunk: their texts do not matter, their words do.
    copies = search.READ + 500
    await rows(
        "WITH d AS (INSERT INTO archive_documents (scope_id, title, verdict) SELECT scope_id, 'x', 'checked' "
        "FROM archive_chunks RETURNING id) INSERT INTO archive_chunks (scope_id, source, document_id, part, length, "
        "text, position, words, keys, counts) SELECT c.scope_id, c.source, d.id, n, c.length, c.text, c.position + n, "
        "c.words, c.keys, c.counts FROM archive_chunks c, d, generate_series(1, $1) n",
        copies,
    )  # fmt: skip
    last = await row("SELECT max(position) AS last FROM archive_chunks")
    assert last is not None
    found = await search.search(account, PLACE, "kettle", limit=20)
    places = await rows("SELECT position FROM archive_chunks WHERE id = ANY ($1)", [hit.id for hit in found])
    assert len(places) == 20
    assert min(each["position"] for each in places) > last["last"] - search.NEWEST - search.REACH
    assert await search.search(account, PLACE, "kettle", only=ArchiveFilter(sources=["message"])) == []
    stranger = await somebody("else")
    assert await search.search(stranger.account.id, PLACE, "kettle") == []
