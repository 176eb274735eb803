"""Closing what is to be erased, in one transaction: nothing finds it any more, and what runs for it is cancelled.

The accounts, conversations and the person get ids that no platform gives out. So whoever writes meanwhile is a new,
empty person, or a new place. What was being done is cancelled, and the events that wait for it are answered.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from db import access, jobs, spent_limits
from db.connection import ids, row, rows, transaction
from db.erasure.answers import answer, answer_all
from db.errors import Outage
from db.jobs import Abandoned
from db.payloads.notice import Notice
from db.people import PERSONAL, drop_identities
from db.work import EraseData, Failure

LEFT_DAYS: Final = 30
"""A place is erased so long after the bot was removed from it."""
STALE_HOURS: Final = 1
"""What was closed so long ago and is still here is erased anew: its job was given up."""
_CANCELLED: Final = Failure("job.cancelled")


@dataclass(frozen=True, slots=True)
class Closed:
    """What was closed: the job that erases it, and the jobs whose workers must stop."""

    parameters: EraseData
    cancelled: tuple[int, ...]


async def close_person(user_id: int) -> Closed:
    """Close a person's accounts, all their identities and what runs for them anywhere; call it in a transaction.

    Raises `Outage` for a person who has just been joined with another, or closed: whoever looks again finds the right
    one.
    """
    # First of all: whoever is about to become one with somebody else would take the data along, or lose their own.
    await rows("DELETE FROM linkings WHERE user_id = $1 OR other_user_id = $1", user_id)
    person = await row("SELECT name FROM users WHERE id = $1 AND closed_at IS NULL FOR UPDATE", user_id)
    if person is None:
        raise Outage("the person to be closed is somebody else by now", at_once=True)
    await spent_limits.keep(user_id)
    identities = await drop_identities(user_id)
    found = await rows(
        "SELECT a.id FROM accounts a JOIN users u ON u.platform = a.platform AND u.external_id = a.external_id "
        "WHERE u.id = $1 AND a.kind = ANY ($2::text[]) FOR UPDATE OF a",
        user_id, list(PERSONAL),
    )  # fmt: skip
    accounts = ids(found)
    keys = [(i.platform, i.external_id) for i in identities]
    await access.keep_ban(user_id, keys)
    names = {i.name for i in identities} | {person["name"]}
    cancelled = await _cancel(accounts, user_id)
    await _refuse_files(accounts, keys)
    for platform, key in keys:
        await rows("DELETE FROM late_updates WHERE platform = $1 AND chat_id = $2", platform, key)
    await rows(
        "UPDATE users SET external_id = 'erased-' || id, name = '', language = '', closed_at = now() WHERE id = $1",
        user_id,
    )
    await detach(accounts, f"erased-{user_id}")
    parameters = EraseData(
        user=user_id, accounts=accounts, identities=keys, names=sorted(name for name in names if name)
    )
    return Closed(parameters, cancelled)


async def close_place(account_id: int) -> Closed:
    """Close a place's account and what runs there; call it in a transaction."""
    await rows("SELECT id FROM accounts WHERE id = $1 FOR UPDATE", account_id)
    cancelled = await _cancel([account_id], None)
    await _refuse_files([account_id], [])
    await detach([account_id])
    return Closed(EraseData(accounts=[account_id]), cancelled)


async def detach(accounts: Sequence[int], key: str = "") -> None:
    """Give accounts and their conversations ids that no platform has, unless they were closed before."""
    await rows(
        "DELETE FROM late_updates WHERE (platform, chat_id) IN "
        "(SELECT platform, external_id FROM accounts WHERE id = ANY ($1::bigint[]))",
        list(accounts),
    )
    for account_id in accounts:
        await rows(
            "UPDATE accounts SET external_id = $2, name = '', settings = '{}', closed_at = now() "
            "WHERE id = $1 AND closed_at IS NULL",
            account_id, key or f"erased-place-{account_id}",
        )  # fmt: skip
    await rows(
        "UPDATE conversations SET chat_id = 'erased-' || id, last_said = '', active_at = '-infinity' "
        "WHERE account_id = ANY ($1::bigint[])",
        list(accounts),
    )


async def answered(parameters: EraseData) -> bool:
    """Return whether everything that was still to be sent for what is closed has been sent."""
    found = await row(
        "SELECT EXISTS (SELECT FROM outbox o JOIN conversations c ON c.id = o.conversation_id "
        "WHERE c.account_id = ANY ($1::bigint[]) AND o.state IN ('pending', 'sending')) AS open",
        parameters.accounts,
    )
    assert found is not None
    return not found["open"]


async def overdue() -> list[Closed]:
    """Close the places that the bot left long ago, and return what is to be erased now; each once.

    That includes what was closed long ago and is still here, because its job was given up.
    """
    closed: list[Closed] = []
    async with transaction():
        left = await rows(
            "SELECT id FROM accounts WHERE left_at < now() - make_interval(days => $1) AND closed_at IS NULL "
            "AND kind IN ('guild', 'group') LIMIT 20 FOR UPDATE SKIP LOCKED",
            LEFT_DAYS,
        )
        closed += [await close_place(each) for each in ids(left)]
    stale = (
        f"closed_at < now() - interval '{STALE_HOURS} hours' AND NOT EXISTS (SELECT FROM jobs j WHERE j.type = $1 "
        "AND j.state IN ('queued', 'running', 'waiting') AND j.parameters @> jsonb_build_object(%s))"
    )
    by_user, by_account = "'user', users.id", "'accounts', jsonb_build_array(accounts.id)"
    people = await rows(
        f"UPDATE users SET closed_at = now() WHERE {stale % by_user} RETURNING id, (SELECT j.parameters FROM jobs j "
        "WHERE j.type = $1 AND j.parameters @> jsonb_build_object('user', users.id) ORDER BY j.id DESC LIMIT 1) AS job",
        EraseData.type,
    )
    for person in people:
        known = EraseData() if person["job"] is None else EraseData.model_validate_json(person["job"])
        closed.append(Closed(known.model_copy(update={"user": person["id"]}), ()))
    named = {each for one in closed for each in one.parameters.accounts}
    places = await rows(
        f"UPDATE accounts SET closed_at = now() WHERE {stale % by_account} RETURNING id",
        EraseData.type,
    )
    closed += [Closed(EraseData(accounts=[each]), ()) for each in ids(places) if each not in named]
    return closed


async def _cancel(accounts: Sequence[int], user_id: int | None) -> tuple[int, ...]:
    """Cancel what runs for accounts or a person, and answer the events that wait for it."""
    # Locks are taken in the order story, page, job.
    await rows(
        "SELECT id FROM stories WHERE id IN (SELECT story_id FROM jobs WHERE (account_id = ANY ($1::bigint[]) "
        "OR user_id = $2) AND state IN ('queued', 'running', 'waiting')) ORDER BY id FOR UPDATE",
        list(accounts), user_id,
    )  # fmt: skip
    abandoned: list[Abandoned] = []
    for account_id in accounts:
        abandoned += await jobs.abandon_about("account_id", account_id, _CANCELLED)
    if user_id is not None:
        abandoned += await jobs.abandon_about("user_id", user_id, _CANCELLED)
    return await answer_all(abandoned)


async def _refuse_files(accounts: Sequence[int], keys: Sequence[tuple[str, str]]) -> None:
    """Answer the events that wait for a file, and forget them."""
    found = await rows(
        "DELETE FROM awaited_files WHERE account_id = ANY ($1::bigint[]) OR (platform, event -> 'user' ->> "
        "'external_id') IN (SELECT * FROM unnest($2::text[], $3::text[])) "
        "RETURNING event_key, conversation_id, event -> 'destination' AS destination",
        list(accounts), [platform for platform, _ in keys], [key for _, key in keys],
    )  # fmt: skip
    for waiting in found:
        notice = Notice(key=_CANCELLED.key)
        destination = json.loads(waiting["destination"] or "null")
        await answer(waiting["event_key"], waiting["conversation_id"], destination, notice)
