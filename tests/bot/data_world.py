"""People who ask for their data: what they press, and a worker that does it."""

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

from bot.events import ButtonPress, Event
from bot.messages import Attachment, Message
from db import outbox
from db.models import JobRow
from prompts.registry import default_registry
from tests.bot.world import Bot
from tests.workers.making import run_by
from workers.engines.text.chain import TextChain
from workers.queue import Queue
from workers.runner import Runner
from workers.services import Services


async def work(redis_url: str, type_: str) -> JobRow:
    """Do the last job of a type, as a worker does; nothing else is being written."""
    await JobRow.filter(state="queued").exclude(type=type_).update(state="done")
    job = await JobRow.filter(type=type_).order_by("-id").first()
    assert job is not None
    async with Queue(redis_url) as queue:
        await run_by(Runner(Services(TextChain(), default_registry(), queue), 1), job.id)
    return await JobRow.get(id=job.id)


async def deliver(bot: Bot, platform: str = "console") -> list[Message]:
    """Send what waits, as the courier does; returns it."""
    sent: list[Message] = []
    while claimed := (await outbox.claim(platform, 50)).rows:
        for each in claimed:
            message = None if each.row.part == outbox.PLACEHOLDER else await bot.composer.compose(each.row)
            if message is not None:
                held = [await each.load() for each in message.attachments]
                loaded = tuple(Attachment.of(each.data, each.mime, each.name) for each in held)
                sent.append(replace(message, attachments=loaded))
            await outbox.record_message(each.row.id, each.token, f"m{each.row.id}")
            offered = [] if message is None else [b.action for row in message.buttons for b in row]
            await outbox.sent(each.row.id, each.token, offered)
            await bot.composer.sent(each.row)
    return sent


async def unpack(messages: list[Message]) -> dict[str, bytes]:
    """The files of the archives in messages."""
    found: dict[str, bytes] = {}
    for message in messages:
        for attachment in message.attachments:
            content = await attachment.load()
            with zipfile.ZipFile(io.BytesIO(content.data)) as archive:
                assert archive.testzip() is None
                found |= {name: archive.read(name) for name in archive.namelist()}
    return found


def rows_of(files: dict[str, bytes], table: str) -> list[dict[str, Any]]:
    """The rows of a table in an archive, by folder and table: ``data/stories``."""
    return [each for name in sorted(files) if name.startswith(f"{table}-") for each in json.loads(files[name])["rows"]]


def button(message: Message, label: str) -> str:
    """The packed action of a button."""
    return next(b.action for row in message.buttons for b in row if b.label == label)


async def presses(bot: Bot, message: Message, label: str, **place: Any) -> Event:
    """Press a button of a message."""
    return await bot.does(ButtonPress(data=button(message, label)), **place)
