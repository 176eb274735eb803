"""A backlog in memory, for platforms that are tested without a database."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from db.errors import Outage
from db.late_updates import KeptUpdate


class MemoryBacklog:
    """Keeps updates like `db.late_updates`; ``kept`` by id, with the chat."""

    def __init__(self) -> None:
        self.kept: dict[int, tuple[str, dict[str, Any]]] = {}
        self.failures: dict[int, int] = {}
        self.most = 0
        self._ids = count(1)

    async def keep(self, platform: str, updates: Sequence[tuple[str, dict[str, Any]]]) -> list[int]:
        found = [next(self._ids) for _ in updates]
        self.kept |= dict(zip(found, updates, strict=True))
        self.most = max(self.most, len(self.kept))
        return found

    async def chats(self, platform: str, older_s: float = 0.0) -> list[str]:
        return list(dict.fromkeys(chat for chat, _ in self.kept.values())) if not older_s else []

    async def oldest(self, platform: str, chat_id: str, limit: int, without: Sequence[int] = ()) -> list[KeptUpdate]:
        found = [(n, data) for n, (chat, data) in self.kept.items() if chat == chat_id and n not in without]
        return [KeptUpdate(n, data) for n, data in found[:limit]]

    async def count_failure(self, update_id: int) -> int:
        self.failures[update_id] = self.failures.get(update_id, 0) + 1
        return self.failures[update_id]

    async def forget(self, update_ids: Sequence[int]) -> None:
        for gone in update_ids:
            self.kept.pop(gone, None)


class Away(MemoryBacklog):
    """A database that cannot be reached."""

    async def keep(self, platform: str, updates: Sequence[tuple[str, dict[str, Any]]]) -> list[int]:
        raise Outage("away")
