"""Somebody on a platform, and the same person on another, for tests of what is linked."""

import re
from dataclasses import dataclass

from bot.events import Event, Payload
from bot.messages import Message
from db import outbox, people, stories
from db.connection import row, rows
from db.outbox import OutboxMessage
from db.people import Who
from tests.bot.world import Bot, command, press, write


@dataclass
class Side:
    """Somebody on a platform."""

    bot: Bot
    platform: str
    name: str

    async def does(self, payload: Payload, **more: str) -> Event:
        return await self.bot.does(payload, name=self.name, platform=self.platform, **more)  # type: ignore[arg-type]

    async def told(self, payload: Payload, **more: str) -> Message:
        return await self.bot.reply(await self.does(payload, **more))

    async def who(self) -> Who:
        return await people.resolve(
            self.platform,
            account=("dm", self.name, ""),
            user=(self.name, "", ""),
            conversation=(f"dm-{self.name}", "", "dm"),
        )

    async def received(self) -> list[OutboxMessage]:
        """The rows of messages to this side's private chat, oldest first."""
        found = await rows(
            "SELECT id, event_key FROM outbox WHERE platform = $1 AND destination ->> 'chat_id' = $2 ORDER BY id",
            self.platform, f"dm-{self.name}",
        )  # fmt: skip
        return [r for f in found for r in await outbox.of_event(f["event_key"]) if r.id == f["id"]]

    async def seen(self) -> Message:
        """The newest message here."""
        message = await self.bot.composer.compose((await self.received())[-1])
        assert message is not None
        return message

    async def code(self) -> str:
        found = re.search(r"\*\*([0-9A-Z]{10})\*\*", (await self.told(command("link"))).body)
        assert found is not None
        return found[1]


async def asked() -> int:
    found = await row("SELECT id FROM linkings ORDER BY id DESC LIMIT 1")
    assert found is not None
    return found["id"]


async def linked(here: Side, there: Side) -> None:
    await there.does(command(f"link: {await here.code()}"))
    for side in (there, here):
        await side.does(press("link_confirm", await asked()))
    assert (await here.who()).user.id == (await there.who()).user.id


async def sent() -> None:
    """Every message was delivered."""
    await rows("UPDATE outbox SET state = 'sent', sent_at = now(), message_ids = to_jsonb(ARRAY['m' || id])")


async def begins(side: Side, premise: str) -> stories.Page:
    await side.does(command(f"story new: {premise}"))
    found = await row("SELECT cursor_id FROM stories ORDER BY id DESC LIMIT 1")
    assert found is not None
    page = await stories.page((await side.who()).account.id, found["cursor_id"])
    assert page is not None
    await write(page[1])
    return page[1]
