"""Rows that become one: whatever refers to them follows, also in packages; where two meet, the first stays."""

from collections.abc import AsyncGenerator

import pytest

from db import drafts
from db.connection import row, rows, transaction
from db.merging import Merger
from tests.db.world import somebody


@pytest.fixture
async def package(database: str) -> AsyncGenerator[None]:
    """Tables of a package, with every kind of unique index."""
    await rows("CREATE SCHEMA dice")
    await rows(
        "CREATE TABLE dice.purses (account_id bigint PRIMARY KEY REFERENCES accounts ON DELETE CASCADE, "
        "gold int NOT NULL)"
    )
    await rows(
        "CREATE TABLE dice.rolls (id int PRIMARY KEY, user_id bigint REFERENCES users ON DELETE CASCADE, day int, "
        "face text, open boolean NOT NULL)"
    )
    await rows("CREATE UNIQUE INDEX ON dice.rolls (coalesce(user_id, 0), lower(face)) WHERE open")
    yield
    await rows("DROP SCHEMA dice CASCADE")


async def test_everything_follows_and_the_first_stays(package: None):
    ann, ben = await somebody("ann"), await somebody("ben")
    for who, gold in ((ann, 1), (ben, 2)):
        await rows("INSERT INTO dice.purses VALUES ($1, $2)", who.account.id, gold)
    await rows(
        "INSERT INTO dice.rolls VALUES (1, $1, 1, 'Six', true), (2, $2, 2, 'six', true), (3, $2, 3, 'six', false), "
        "(4, $2, 4, 'one', true)",
        ann.user.id, ben.user.id,
    )  # fmt: skip
    club = await somebody("ann", chat="club", kind="group")
    for who in (ann, ben):
        await drafts.keep(club.conversation.id, who.user.id, {"by": who.user.name})
    await rows("UPDATE users SET time_zone = 'Europe/Berlin' WHERE id = $1", ben.user.id)
    async with transaction():
        merger = await Merger.read()
        await merger.join_accounts(ann.account.id, ben.account.id)
        await merger.join_users(ann.user.id, ben.user.id)
    assert await rows("SELECT * FROM dice.purses") == [{"account_id": ann.account.id, "gold": 1}]
    assert [r["id"] for r in await rows("SELECT id FROM dice.rolls WHERE user_id = $1 ORDER BY 1", ann.user.id)] == [
        1,
        3,
        4,
    ]
    assert await rows("SELECT content ->> 'by' AS by FROM drafts") == [{"by": "ann"}]
    assert await row("SELECT time_zone FROM users WHERE id = $1", ann.user.id) == {"time_zone": "Europe/Berlin"}
    assert await rows("SELECT 1 FROM users WHERE id = $1", ben.user.id) == []
    moved = await rows("SELECT platform, external_id FROM identities WHERE user_id = $1 ORDER BY id", ann.user.id)
    assert [m["external_id"] for m in moved] == ["ann", "ben"]
    assert await rows(
        "SELECT id FROM conversations WHERE account_id = $1 AND id = $2", ann.account.id, ben.conversation.id
    )


async def test_nothing_of_others_is_touched(database: str):
    ann, ben, cleo = [await somebody(name) for name in ("ann", "ben", "cleo")]
    before = await row("SELECT to_jsonb(u)::text AS u FROM users u WHERE id = $1", cleo.user.id)
    async with transaction():
        merger = await Merger.read()
        await merger.join_accounts(ann.account.id, ben.account.id)
        await merger.join_users(ann.user.id, ben.user.id)
    assert await row("SELECT to_jsonb(u)::text AS u FROM users u WHERE id = $1", cleo.user.id) == before
    assert (await somebody("cleo")).account.id == cleo.account.id
