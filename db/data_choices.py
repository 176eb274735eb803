"""What a person has chosen for their data, and the deletion of what they keep for a shorter time than the rest.

Whatever learns from feedback or archives must ask here first: `may_learn`, `may_archive`.
"""

from dataclasses import dataclass
from typing import Final

from db import lorebooks, pictures, stories
from db.connection import row, rows, transaction
from db.erasure.answers import answer_all
from db.errors import BadInput, NotFound
from db.memory import documents
from db.people import PERSONAL
from db.records import columns, fetch, fetch_one

KEEP_DAYS: Final = (7, 30, 90, 365)
"""The times that are offered, in days."""
MOST_DAYS: Final = 3650
_BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class DataChoices:
    """A person's choices. ``learning``: feedback may be learnt from. ``archive``: what was said before a chat was reset
    is kept. ``keep_days``: what they wrote and had drawn is deleted after so many days (None: not by its age).
    """

    learning: bool = True
    archive: bool = True
    keep_days: int | None = None


@dataclass(frozen=True, slots=True)
class _Keeper:
    id: int
    keep_days: int


async def of_person(user_id: int) -> DataChoices:
    """Return a person's choices."""
    found = await fetch_one(DataChoices, f"SELECT {columns(DataChoices)} FROM users WHERE id = $1", user_id)
    return found or DataChoices()


async def may_learn(user_id: int | None) -> bool:
    """Return whether a person's feedback may be used to learn from; nobody's may not."""
    return user_id is not None and (await of_person(user_id)).learning


async def may_archive(user_id: int | None) -> bool:
    """Return whether what a person said may be kept after it is out of use; nobody's may not."""
    return user_id is not None and (await of_person(user_id)).archive


async def set_learning(user_id: int, allowed: bool) -> None:
    """Set whether feedback may be learnt from."""
    await rows("UPDATE users SET learning = $2 WHERE id = $1", user_id, allowed)


async def set_archive(user_id: int, allowed: bool) -> None:
    """Set whether what was said before a reset is kept; if not, what was kept so far is deleted."""
    await rows("UPDATE users SET archive = $2 WHERE id = $1", user_id, allowed)
    if not allowed:
        await forget_archived(user_id)


async def forget_archived(user_id: int) -> None:
    """Delete what a person without an archive said in their own chats before these were reset; saved chats stay."""
    await rows(
        "DELETE FROM chat_messages m USING conversations c, accounts a, users u WHERE m.conversation_id = c.id "
        "AND m.epoch <> c.epoch AND NOT EXISTS (SELECT FROM saved_chats s WHERE s.conversation_id = c.id "
        "AND s.epoch = m.epoch) AND c.account_id = a.id AND a.platform = u.platform "
        "AND a.external_id = u.external_id AND a.kind = ANY ($2::text[]) AND u.id = $1 AND NOT u.archive "
        # What is still being answered goes with the next clean-up.
        "AND m.state <> 'pending' AND NOT EXISTS (SELECT FROM chat_messages r WHERE r.reply_to_id = m.id "
        "AND r.state = 'pending')",
        user_id, list(PERSONAL),
    )  # fmt: skip


async def set_keep_days(user_id: int, days: int | None) -> None:
    """Set after how many days a person's data is deleted; None: never by its age. Raises `BadInput`."""
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise BadInput("data.bad_days", limit=MOST_DAYS)
    await rows("UPDATE users SET keep_days = $2 WHERE id = $1", user_id, days)


async def expire() -> list[int]:
    """Delete what has outlived its person's own time, in small batches; returns the jobs that ended with it.

    In the personal account: stories not played since, chats, pictures. In places: pictures; messages are emptied. In
    both: documents of the archive, lorebooks. Every worker may do this at once.
    """
    ended: list[int] = []
    for person in await fetch(
        _Keeper, "SELECT id, keep_days FROM users WHERE keep_days IS NOT NULL AND closed_at IS NULL ORDER BY id"
    ):
        ended += await _expire_stories(person)
        ended += await _expire_pictures(person)
        await documents.expire(person.id, person.keep_days)
        await lorebooks.expire(person.id, person.keep_days)
        await _expire_messages(person)
    for each in await rows("SELECT id FROM users WHERE NOT archive AND closed_at IS NULL"):
        await forget_archived(each["id"])
    return ended


async def _expire_stories(person: _Keeper) -> list[int]:
    ended: list[int] = []
    while found := await rows(
        "SELECT s.id, s.account_id FROM stories s JOIN accounts a ON a.id = s.account_id WHERE s.owner_id = $1 "
        "AND a.kind = ANY ($3::text[]) AND s.updated_at < now() - make_interval(days => $2) LIMIT $4",
        person.id, person.keep_days, list(PERSONAL), _BATCH,
    ):  # fmt: skip
        for each in found:
            try:
                async with transaction():
                    _, abandoned = await stories.delete(each["account_id"], person.id, each["id"])
                    ended += await answer_all(abandoned)
            except NotFound:
                continue  # another worker was first
    return ended


async def _expire_pictures(person: _Keeper) -> list[int]:
    ended: list[int] = []
    while found := await rows(
        "SELECT id, account_id FROM pictures WHERE user_id = $1 AND created_at < now() - make_interval(days => $2) "
        "LIMIT $3",
        person.id, person.keep_days, _BATCH,
    ):  # fmt: skip
        for each in found:
            try:
                async with transaction():
                    ended += await answer_all(await pictures.delete(each["account_id"], person.id, each["id"]))
            except NotFound:
                continue
    return ended


async def _expire_messages(person: _Keeper) -> None:
    personal = (
        "EXISTS (SELECT FROM conversations c JOIN accounts a ON a.id = c.account_id WHERE c.id = m.conversation_id "
        "AND a.kind = ANY ($3::text[]))"
    )
    for change, where in (
        ("DELETE FROM chat_messages", personal),
        ("UPDATE chat_messages SET text = ''", f"NOT {personal} AND text <> ''"),
    ):
        while True:
            gone = await row(
                f"WITH gone AS ({change} WHERE id = ANY (ARRAY (SELECT id FROM chat_messages m WHERE m.user_id = $1 "
                f"AND m.created_at < now() - make_interval(days => $2) AND {where} LIMIT $4)) RETURNING 1) "
                "SELECT count(*) AS n FROM gone",
                person.id, person.keep_days, list(PERSONAL), _BATCH,
            )  # fmt: skip
            if gone is None or gone["n"] < _BATCH:
                break
