"""Scopes of the archive: to whom and where a chunk belongs, and the ids that stand for them in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from db.connection import ids, jsonb, row, rows
from db.errors import NotFound

ScopeKind = Literal["chat", "story", "persona", "person", "place"]

_GIVEN: Final = (
    "jsonb_to_recordset($2::jsonb) AS g(kind text, conversation_id bigint, persona_id bigint, epoch int, "
    "story_id bigint, user_id bigint)"
)
_SAME: Final = (
    "s.kind = g.kind AND s.conversation_id IS NOT DISTINCT FROM g.conversation_id "
    "AND s.persona_id IS NOT DISTINCT FROM g.persona_id AND s.epoch = g.epoch "
    "AND s.story_id IS NOT DISTINCT FROM g.story_id AND s.user_id IS NOT DISTINCT FROM g.user_id"
)
# What a scope is about belongs to the account, or (a persona that ships, a person) to nobody.
_MAKE: Final = f"""
INSERT INTO archive_scopes (account_id, kind, conversation_id, persona_id, epoch, story_id, user_id)
SELECT $1, g.kind, g.conversation_id, g.persona_id, g.epoch, g.story_id, g.user_id FROM {_GIVEN}
WHERE (g.conversation_id IS NULL
        OR EXISTS (SELECT FROM conversations c WHERE c.id = g.conversation_id AND c.account_id = $1))
    AND (g.story_id IS NULL OR EXISTS (SELECT FROM stories t WHERE t.id = g.story_id AND t.account_id = $1))
    AND (g.persona_id IS NULL
        OR EXISTS (SELECT FROM personas p WHERE p.id = g.persona_id AND coalesce(p.account_id, $1) = $1))
RETURNING id"""


@dataclass(frozen=True, slots=True)
class ArchiveScope:
    """A part of an account's archive. Make one by `chat`, `story`, `persona`, `person` or `place`.

    ``chat``: what a persona and its people said in a conversation since a reset (``epoch``); ``persona``, ``person``:
    what is kept about them, wherever in the account they are; ``place``: what is everybody's there.
    """

    kind: ScopeKind
    conversation_id: int | None = None
    persona_id: int | None = None
    epoch: int = 0
    story_id: int | None = None
    user_id: int | None = None

    @classmethod
    def chat(cls, conversation_id: int, persona_id: int, epoch: int) -> "ArchiveScope":
        """Return the scope of a chat with a persona."""
        return cls("chat", conversation_id=conversation_id, persona_id=persona_id, epoch=epoch)

    @classmethod
    def story(cls, story_id: int) -> "ArchiveScope":
        """Return the scope of a story."""
        return cls("story", story_id=story_id)

    @classmethod
    def persona(cls, persona_id: int) -> "ArchiveScope":
        """Return the scope of a persona in the account."""
        return cls("persona", persona_id=persona_id)

    @classmethod
    def person(cls, user_id: int) -> "ArchiveScope":
        """Return the scope of a person in the account."""
        return cls("person", user_id=user_id)

    @classmethod
    def place(cls) -> "ArchiveScope":
        """Return the scope of the account itself."""
        return cls("place")

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


async def find(account_id: int, scopes: Sequence[ArchiveScope]) -> list[int]:
    """Return the ids of those of an account's scopes that hold anything, in no order."""
    sql = f"SELECT DISTINCT s.id FROM archive_scopes s JOIN {_GIVEN} ON {_SAME} WHERE s.account_id = $1"
    return ids(await rows(sql, account_id, jsonb([scope.plain() for scope in scopes])))


async def of_documents(account_id: int) -> list[int]:
    """Return the ids of an account's scopes of persons, personas and the place itself, which hold documents alone."""
    sql = "SELECT id FROM archive_scopes WHERE account_id = $1 AND kind IN ('persona', 'person', 'place') ORDER BY id"
    return ids(await rows(sql, account_id))


async def make(account_id: int, scope: ArchiveScope) -> int:
    """Return the id of an account's scope, made if need be.

    Raises `NotFound` if what it is about is not the account's.
    """
    found = await find(account_id, [scope])
    if found:
        return min(found)
    made = await row(_MAKE, account_id, jsonb([scope.plain()]))
    if made is None:
        raise NotFound("archive.unknown")
    return made["id"]
