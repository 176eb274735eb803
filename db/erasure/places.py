"""Taking a person's part out of the accounts that stay: their words, their pictures, their name under them.

What a model wrote stays, without quotes of those words. The rules of the tables (`db.privacy`) say what becomes of
each: rows of which the person is the author are deleted or emptied, and others are searched for quotes.
"""

import json
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from db import pictures
from db.connection import jsonb, row, rows, transaction
from db.erasure.answers import answer_all
from db.privacy import rules
from db.quotes import OwnWords
from db.schemas import Quotes, SchemaSpec, Scope, TableRule, quoted
from db.work import EraseData

BATCH: Final = 100
TEXTS: Final = 5_000
"""Texts of a person that are looked for at a time."""
_IDS: Final = 2_000
_STORIES: Final = (
    "SELECT id FROM stories WHERE owner_id = $1 UNION "
    "SELECT p.story_id FROM choices c JOIN pages p ON p.id = c.page_id WHERE c.user_id = $1"
)
_STORY_WORDS: Final = (
    "SELECT premise AS text FROM stories WHERE id = $2 AND owner_id = $1 UNION ALL "
    "SELECT c.text FROM choices c JOIN pages p ON p.id = c.page_id WHERE p.story_id = $2 AND c.user_id = $1"
)
_SCOPES: Final[dict[Scope, tuple[str, str]]] = {
    "story": (
        _STORIES,
        _STORY_WORDS,
    ),
    "conversation": (
        "SELECT DISTINCT conversation_id AS id FROM chat_messages WHERE user_id = $1",
        "SELECT text FROM chat_messages WHERE conversation_id = $2 AND user_id = $1",
    ),
    "picture": (
        "SELECT p.id FROM pictures p WHERE p.user_id = $1 AND EXISTS (SELECT FROM pictures d WHERE d.source_id = p.id)",
        "SELECT unnest(ARRAY[prompt, negative, alt, lora, typed]) AS text FROM pictures WHERE id = $2 AND user_id = $1",
    ),
}
"""Where a person's words belong, and which they are there."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A story, conversation or picture in which a person has words; ``running``: jobs that may have read them."""

    scope: Scope
    id: int
    words: tuple[OwnWords, ...]
    running: tuple[int, ...]


async def erase_in_places(parameters: EraseData, specs: Sequence[SchemaSpec]) -> list[int]:
    """Take a person's part out of what stays; may be repeated. Returns the jobs of others that ended with it."""
    user_id = parameters.user
    if user_id is None:
        return []
    known = rules(specs)
    places = [place async for place in _places(user_id, parameters.names)]
    for place in places:
        await _cut(place, known)
    ended = await _drop_pictures(user_id)
    await rows("UPDATE stories SET mode = 'open' WHERE owner_id = $1 AND mode = 'solo'", user_id)
    for table, rule in known.items():
        if rule.author:
            await _take_out(table, rule, user_id)
    await _unlink_messages(parameters.identities)
    await _drop_updates(parameters.identities)
    # A page that was being written from those words may quote them by now.
    for place in places:
        if place.running:
            await _cut(place, known)
    return ended


async def erase_person(user_id: int, specs: Sequence[SchemaSpec]) -> list[int]:
    """Delete the person, and what they were saying in the moment in which they were closed; call it in a transaction.

    Returns the jobs of others that ended with it.
    """
    # The lock waits for events that were under way then: their words would stay, as nobody's.
    if await row("SELECT id FROM users WHERE id = $1 AND closed_at IS NOT NULL FOR UPDATE", user_id) is None:
        return []
    ended = await _drop_pictures(user_id)
    for table, rule in rules(specs).items():
        if rule.author:
            await _take_out(table, rule, user_id)
    await rows("DELETE FROM users WHERE id = $1", user_id)
    return ended


async def _places(user_id: int, names: Sequence[str]) -> AsyncGenerator[_Place]:
    for scope, (where, what) in _SCOPES.items():
        for found in await rows(where, user_id):
            texts = [each["text"] for each in await rows(what, user_id, found["id"])]
            parts = [texts[n : n + TEXTS] for n in range(0, len(texts), TEXTS)]
            called = names if scope == "conversation" else ()
            words = tuple(own for part in parts if (own := OwnWords(part, called)))
            if not words:
                continue
            column = {"story": "story_id", "conversation": "conversation_id", "picture": "picture_id"}[scope]
            running = await rows(f"SELECT id FROM jobs WHERE {column} = $1 AND state = 'running'", found["id"])
            yield _Place(scope, found["id"], words, tuple(each["id"] for each in running))


async def _cut(place: _Place, known: dict[str, TableRule]) -> None:
    for table, rule in known.items():
        for quotes in rule.quotes:
            if quotes.scope == place.scope:
                await _cut_rows(table, quotes, place)


async def _cut_rows(table: str, quotes: Quotes, place: _Place) -> None:
    name, last = quoted(table), 0
    columns = ", ".join(f'to_jsonb("{column}") AS "{column}"' for column in quotes.columns)
    while True:
        found = await rows(
            f"SELECT id, {columns} FROM {name} WHERE ({quotes.rows}) AND id > $2 ORDER BY id LIMIT {BATCH}",
            place.id, last,
        )  # fmt: skip
        for each in found:
            await _cut_row(name, each, quotes.columns, place.words)
        if len(found) < BATCH:
            return
        last = found[-1]["id"]


async def _cut_row(name: str, found: dict[str, Any], columns: Iterable[str], words: Sequence[OwnWords]) -> None:
    for column in columns:
        value = before = json.loads(found[column]) if found[column] is not None else None
        for own in words:
            value = own.cut_json(value)
        if value != before:
            # Whatever the column's type is: text, or JSON.
            await rows(
                f'UPDATE {name} t SET "{column}" = (jsonb_populate_record(t, jsonb_build_object($2::text, $3::jsonb)))'
                f'."{column}" WHERE id = $1',
                found["id"], column, jsonb(value),
            )  # fmt: skip


async def _drop_pictures(user_id: int) -> list[int]:
    """Delete the person's pictures; others' jobs that redraw them end, and their events are answered."""
    ended: list[int] = []
    while found := await rows("SELECT id, account_id FROM pictures WHERE user_id = $1 LIMIT $2", user_id, BATCH):
        for each in found:
            async with transaction():
                ended += await answer_all(await pictures.delete(each["account_id"], user_id, each["id"], moderate=True))
    return ended


async def _take_out(table: str, rule: TableRule, user_id: int) -> None:
    """Delete or empty the rows of which the person is the author."""
    name, author = quoted(table), f'"{rule.author}"'
    if not rule.leaves_row:
        change = f"DELETE FROM {name}"
    else:
        # Whatever the column's type is: text, or JSON, of which an object stays one.
        empty = ", ".join(
            f"\"{column}\" = (jsonb_populate_record(NULL::{name}, jsonb_build_object('{column}', "
            f"CASE jsonb_typeof(to_jsonb({name}.\"{column}\")) WHEN 'object' THEN '{{}}'::jsonb "
            f'ELSE \'""\'::jsonb END)))."{column}"'
            for column in rule.words
        )
        change = f"UPDATE {name} SET {empty}, {author} = NULL"
    while True:
        gone = await rows(
            f"WITH gone AS ({change} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {name} WHERE {author} = $1 "
            f"LIMIT {BATCH})) AND {author} = $1 RETURNING 1) SELECT count(*) AS n FROM gone",
            user_id,
        )
        if gone[0]["n"] < BATCH:
            return


async def _unlink_messages(identities: Sequence[tuple[str, str]]) -> None:
    """Forget for whom a message in a place was: others may still reply to it."""
    bounds = await row("SELECT min(id) AS first, max(id) AS last FROM outbox")
    if bounds is None or bounds["first"] is None:
        return
    for first in range(bounds["first"], bounds["last"] + 1, _IDS):
        await rows(
            "UPDATE outbox SET destination = (destination - 'handle') || '{\"user_id\": \"\"}' "
            "WHERE id BETWEEN $1 AND $2 AND state NOT IN ('pending', 'sending') "
            "AND (platform, destination ->> 'user_id') IN (SELECT * FROM unnest($3::text[], $4::text[]))",
            first, first + _IDS - 1, [platform for platform, _ in identities], [key for _, key in identities],
        )  # fmt: skip


async def _drop_updates(identities: Sequence[tuple[str, str]]) -> None:
    """Delete the person's messages that a platform has delivered and nobody has handled yet."""
    for platform, key in identities:
        found = await rows(
            "SELECT id, content FROM late_updates WHERE platform = $1 AND strpos(content, $2) > 0", platform, key
        )
        for each in found:
            if _is_from(json.loads(each["content"]), key):
                await rows("DELETE FROM late_updates WHERE id = $1", each["id"])


def _is_from(content: Any, key: str) -> bool:
    """Return whether an update is somebody's own: they are its sender, not only mentioned."""
    match content:
        case {"from": {"id": sender}} if str(sender) == key:
            return True
        case dict():
            parts = cast("dict[str, Any]", content)
            return any(_is_from(each, key) for name, each in parts.items() if name not in ("from", "reply_to_message"))
        case list():
            return any(_is_from(each, key) for each in cast("list[Any]", content))
        case _:
            return False
