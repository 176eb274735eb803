"""People and their identities: found by what the platform says, with one personal account; names follow."""

import asyncio

from db import outbox, people
from db.connection import row, rows
from db.people import Who
from tests.db.world import somebody


async def in_private(platform: str, key: str, name: str = "Ann", language: str = "en") -> Who:
    return await people.resolve(
        platform, account=("dm", key, name), user=(key, name, language), conversation=(f"chat-{key}", "", "dm")
    )


async def count(table: str) -> int:
    found = await row(f"SELECT count(*) AS n FROM {table}")
    assert found is not None
    return found["n"]


async def test_a_person_is_created_once_whoever_asks(database: str):
    found = await asyncio.gather(*(in_private("discord", "1") for _ in range(8)))
    assert len({(w.user.id, w.account.id, w.identity.id, w.conversation.id) for w in found}) == 1
    assert [await count(t) for t in ("users", "identities", "accounts", "conversations")] == [1, 1, 1, 1]
    assert await people.identities_of(found[0].user.id) == [found[0].identity]


async def test_names_and_languages_follow_the_platform(database: str):
    await in_private("telegram", "7", "Ann", "en")
    renamed = await in_private("telegram", "7", "Anna", "de")
    assert (renamed.user.name, renamed.user.language) == ("Anna", "de")
    assert (renamed.identity.name, renamed.identity.language, renamed.account.name) == ("Anna", "de", "Anna")
    unsaid = await in_private("telegram", "7", "", "")
    assert (unsaid.identity.name, unsaid.identity.language) == ("Anna", "de"), "what a platform leaves out stays"


async def test_a_person_that_a_release_without_identities_met_is_the_same(database: str):
    await rows("INSERT INTO accounts (platform, kind, external_id) VALUES ('discord', 'dm', '1')")
    old = await row("INSERT INTO users (platform, external_id, name) VALUES ('discord', '1', 'Ann') RETURNING id")
    who = await in_private("discord", "1")
    assert old == {"id": who.user.id}
    assert await count("accounts") == 1


async def test_a_linked_identity_uses_the_personal_account_of_its_person(database: str):
    here = await in_private("discord", "1")
    await rows(
        "INSERT INTO identities (user_id, platform, external_id, name, language) "
        "VALUES ($1, 'telegram', '2', 'A', 'de')",
        here.user.id,
    )  # fmt: skip
    there = await in_private("telegram", "2", "A", "de")
    assert (there.user.id, there.account.id) == (here.user.id, here.account.id)
    assert there.conversation.platform == "telegram"
    assert there.linked
    assert not here.linked
    assert (await in_private("discord", "1")).linked
    assert (there.identity.language, (await in_private("discord", "1")).identity.language) == ("de", "en")
    place = await outbox.place_of(there.conversation.id, there.user.id)
    assert place is not None
    assert (place.platform, place.destination["user_id"]) == ("telegram", "2")


async def test_a_private_chat_is_looked_for_only_where_none_is_known(database: str):
    group = await somebody("ann", chat="den", kind="group")
    assert await people.without_private_chat("console", 10) == ["ann"]
    await rows("INSERT INTO identities (user_id, platform, external_id) VALUES ($1, 'telegram', '2')", group.user.id)
    await in_private("telegram", "2")
    assert await people.without_private_chat("console", 10) == ["ann"]
    assert await people.without_private_chat("telegram", 10) == []
    await somebody("ann")
    assert await people.without_private_chat("console", 10) == []
