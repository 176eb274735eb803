"""Events on their way in: updates kept until they are committed, events that wait for a file, dead letters."""

import asyncio

import pytest

from db import awaited_files, inbox, late_updates
from db.connection import rows, transaction
from db.errors import LeaseLost, LimitReached
from tests.db.world import somebody


async def test_kept_updates_come_back_in_order_whatever_they_hold(database: str):
    updates = [("7", {"n": n, "text": "a\0b\ud800 \u202ec"}) for n in range(5)]
    kept = await late_updates.keep("telegram", [*updates, ("8", {"n": 5})])
    assert await late_updates.chats("telegram") == ["7", "8"]
    assert await late_updates.chats("telegram", older_s=60) == []
    first = await late_updates.oldest("telegram", "7", 3)
    assert [(u.id, u.content) for u in first] == [(kept[n], updates[n][1]) for n in range(3)]
    assert [u.content["n"] for u in await late_updates.oldest("telegram", "7", 9, without=kept[:2])] == [2, 3, 4]
    assert [await late_updates.count_failure(kept[0]) for _ in range(2)] == [1, 2]
    await late_updates.forget(kept[:5])
    assert await late_updates.count_failure(kept[0]) == 0
    assert await late_updates.chats("telegram") == ["8"]


async def test_a_file_has_one_holder_and_each_conversation_its_order(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    for who, key in ((ann, "a1"), (ann, "a2"), (ben, "b1")):
        await awaited_files.add(
            key, {"key": key}, platform="console", account_id=who.account.id, conversation_id=who.conversation.id
        )
    first = await awaited_files.claim("console", 10)
    assert sorted(f.event_key for f in first) == ["a1", "b1"]
    assert await awaited_files.claim("console", 10) == []
    a1 = next(f for f in first if f.event_key == "a1")
    await awaited_files.renew(a1.id, a1.lease_token)
    assert await awaited_files.finish(a1.id, a1.lease_token)
    assert not await awaited_files.finish(a1.id, a1.lease_token)
    (a2,) = await awaited_files.claim("console", 10)
    assert (a2.event_key, a2.event, a2.attempts) == ("a2", {"key": "a2"}, 1)
    await rows("UPDATE awaited_files SET lease_expires = now() - interval '1 second'")
    again = {f.event_key: f for f in await awaited_files.claim("console", 10)}
    assert again["a2"].attempts == 2
    for change in (
        awaited_files.renew(a2.id, a2.lease_token),
        awaited_files.note_stored(a2.id, a2.lease_token, "7"),
        awaited_files.retry(a2.id, a2.lease_token, 1.0),
    ):
        with pytest.raises(LeaseLost):
            await change
    await awaited_files.note_stored(a2.id, again["a2"].lease_token, "7")
    await awaited_files.retry(a2.id, again["a2"].lease_token, 0.0)
    (stored,) = await awaited_files.claim("console", 10)
    assert (stored.stored, stored.attempts) == ("7", 3)


async def wait_for_file(key: str, person: str, chat: str) -> None:
    """Let a person's event wait for its file, in a group."""
    who = await somebody(person, chat=chat, kind="group")
    event = {"user": {"external_id": person}}
    async with transaction():
        await awaited_files.add(
            key, event, platform="console", account_id=who.account.id, conversation_id=who.conversation.id
        )


async def test_a_person_holds_one_place_at_a_time_whatever_the_number_of_their_chats(database: str):
    for n in range(4):
        await wait_for_file(f"ann{n}", "ann", f"topic{n}")
    await wait_for_file("ben0", "ben", "club")
    first = {f.event_key: f for f in await awaited_files.claim("console", 4)}
    assert sorted(first) == ["ann0", "ben0"]
    assert await awaited_files.claim("console", 2) == []
    await awaited_files.retry(first["ann0"].id, first["ann0"].lease_token, 60.0)
    (second,) = await awaited_files.claim("console", 3)
    assert second.event_key == "ann1", "what waits for its next attempt holds up nothing"


async def test_a_file_behind_somebody_elses_holds_up_none_of_that_person(database: str):
    await wait_for_file("ben0", "ben", "club")
    await wait_for_file("ann0", "ann", "club")
    await wait_for_file("ann1", "ann", "home")
    assert sorted(f.event_key for f in await awaited_files.claim("console", 4)) == ["ann1", "ben0"]


async def test_a_person_has_a_few_files_waiting_at_most(database: str):
    limit = awaited_files.PER_PERSON
    tries = await asyncio.gather(
        *(wait_for_file(f"ann{n}", "ann", f"topic{n}") for n in range(limit + 3)), return_exceptions=True
    )
    refused = [each for each in tries if each is not None]
    assert len(refused) == 3
    assert all(isinstance(each, LimitReached) and each.key == "limits.open_uploads" for each in refused)
    await wait_for_file("ben0", "ben", "club")
    assert len(await rows("SELECT FROM awaited_files")) == limit + 1


async def test_dead_letters_are_counted(database: str):
    assert await inbox.record("console:1")
    assert await inbox.bury("console:2", "failed five times")
    assert not await inbox.bury("console:2", "again")
    assert not await inbox.record("console:2")
    assert await inbox.dead_letters() == 1
    assert await inbox.bury("console:1", "accepted, but its file never came")
    assert await inbox.dead_letters() == 2
