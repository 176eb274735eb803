"""The thin listener behind polling and webhook: parses an update, commits its event, answers its button press."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

from telegram import Bot, Update

from bot.events import Destination
from bot.hearing import Overheard
from bot.platforms.base import Inbound
from bot.platforms.telegram.attached import bare_message
from bot.platforms.telegram.inbound import GroupMigrated, Incoming, Orphan, Translator
from bot.platforms.telegram.neutral import PLATFORM, is_said_in_group
from bot.platforms.telegram.queries import Background, Queries
from bot.platforms.telegram.render import clean

log = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 1.0
"""How long a button press waits for the courier, which may answer it with the reply itself."""


class Listener:
    """Handles raw updates, in any order and with duplicates."""

    def __init__(
        self,
        bot: Bot,
        inbound: Inbound,
        translator: Translator,
        queries: Queries,
        background: Background,
        *,
        moved: Callable[[str, str], None],
        retract: Callable[[Destination, str], Awaitable[None]],
    ) -> None:
        """``moved`` is called for groups that became supergroups; ``retract`` removes a left-over placeholder."""
        self._bot = bot
        self._inbound = inbound
        self._translator = translator
        self._queries = queries
        self._background = background
        self._moved = moved
        self._retract = retract
        self.removed_orphans = 0

    async def wants(self, data: dict[str, Any]) -> bool:
        """Return whether an update is to be taken: nothing that only people say to each other is kept anywhere."""
        found = self._overheard(data)
        return await self._inbound.overhears(found) if isinstance(found, Overheard) else found

    def _overheard(self, data: dict[str, Any]) -> Overheard | bool:
        if not is_said_in_group(data):
            return True  # and need not be parsed twice
        try:
            return self._translator.overheard(Update.de_json(data, self._bot))
        except Exception:  # noqa: BLE001 - `read` reports it
            bare = bare_message(data)
        try:
            return bare is None or self._translator.overheard(Update.de_json(bare, self._bot))
        except Exception:  # noqa: BLE001 - as above
            return True

    async def read(self, data: dict[str, Any]) -> list[Incoming | GroupMigrated]:
        """Return the update's events. One that cannot be read is logged with a reference and skipped: never raises."""
        incoming: list[Incoming | GroupMigrated] = []
        try:
            found = await self._parse(data)
            for item in found:
                match item:
                    case Incoming() | GroupMigrated():
                        incoming.append(item)
                    case Orphan():
                        self.removed_orphans += 1
                        self._background.start(self._remove(item))
        except Exception:
            log.exception(
                "Telegram update %s could not be read and is skipped (reference %s)",
                data.get("update_id"), secrets.token_hex(4),
            )  # fmt: skip
        return incoming

    async def _parse(self, data: dict[str, Any]) -> list[Incoming | GroupMigrated | Orphan]:
        try:
            return await self._translator.read(Update.de_json(data, self._bot))
        except Exception:
            if (bare := bare_message(data)) is None:
                raise
            log.exception("Telegram update %s is read without what the library cannot parse", data.get("update_id"))
            return await self._translator.read(Update.de_json(bare, self._bot))

    async def commit(self, incoming: Incoming | GroupMigrated) -> bool:
        """Dispatch the event; False if nothing was committed: then try again."""
        if isinstance(incoming, GroupMigrated):
            self._moved(incoming.old, incoming.new)
            return await self._inbound.group_moved(PLATFORM, incoming.old, incoming.new)
        query = incoming.query_id
        if query:
            self._queries.opened(query)
        outcome = await self._inbound.dispatch(incoming.event)
        if query:
            match outcome.status:
                case "refused":
                    self._queries.settle(query, clean(outcome.notice))
                case "answered":
                    self._queries.settle(query, after=ANSWER_SECONDS)
                case _:
                    self._queries.settle(query)
        return outcome.done

    async def bury(self, incoming: Incoming | GroupMigrated) -> bool:
        """Give up on an event that fails again and again; False if even that could not be committed."""
        if isinstance(incoming, GroupMigrated):
            log.error(
                "Telegram group %s became %s, and what is stored for it could not be moved", incoming.old, incoming.new
            )
            return True
        return await self._inbound.bury(incoming.event)

    async def _remove(self, orphan: Orphan) -> None:
        await self._retract(orphan.destination, orphan.message_id)
