"""What people see of the first screen, of help and of settings on each platform, in files that can be read in a diff.

After a change of wording: delete the file and run the test, which writes it anew (and fails once).
"""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from bot.events import BotMembership
from bot.messages import Message
from bot.platforms.console.inbound import numbered
from bot.platforms.console.render import Renderer
from bot.platforms.discord.render import bodies
from bot.platforms.telegram.keyboards import keyboard
from bot.platforms.telegram.render import render
from db import heartbeats, outbox
from db.heartbeats import Heartbeat
from tests.bot.world import Bot, command, press, running_bot
from tests.clean import newcomers

FOLDER = Path(__file__).parent / "snapshots"


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    await newcomers()
    async with running_bot(redis_url) as bot:
        await heartbeats.beat(Heartbeat("w", "host", ["cpu", "gpu"], ["mistral", "gemma"], ["sdxl"], 0, 1))
        yield bot


def on_console(message: Message) -> str:
    return Renderer(lambda: None, styled=False).message(numbered(message)).strip()


def on_telegram(message: Message) -> str:
    markup = keyboard(message.buttons, message.selects)
    rows = [] if markup is None else markup.inline_keyboard
    lines = [" ".join(f"[{button.text}]" for button in row) for row in rows]
    return "\n".join([*(part.text for part in render(message)), "", *lines])


def on_discord(message: Message) -> str:
    body: dict[str, Any] = bodies(message)[-1]
    lines = [_row(row["components"]) for row in body["components"]]
    return "\n".join(["(seen by them alone)" if message.private else "", body["content"], "", *lines]).strip()


def _row(components: list[dict[str, Any]]) -> str:
    if components[0]["type"] != 3:
        return " ".join(f"[{component['label']}]" for component in components)
    (menu,) = components
    options = [f"{'✓ ' if o.get('default') else ''}{o['label']}" for o in menu["options"]]
    return f"<{menu['placeholder']}: {' | '.join(options)}>"


async def shown(bot: Bot, event: Any) -> Message:
    (row,) = await outbox.of_event(event.key)
    message = await bot.composer.compose(row)
    assert message is not None
    return message


async def test_what_people_see(bot: Bot):
    added = BotMembership(change="added")
    screens = {
        "start": await shown(bot, await bot.does(command("start"))),
        "welcome of a group": await shown(bot, await bot.does(added, group="club")),
        "help": await shown(bot, await bot.does(command("help"))),
        "help for a member of a group": await shown(bot, await bot.does(command("help"), group="club", name="ben")),
        "help: stories": await shown(bot, await bot.does(command("help: story"))),
        "settings": await shown(bot, await bot.does(command("settings"))),
        "settings of a group": await shown(bot, await settings_of_a_group(bot)),
    }
    for platform, rendered in (("console", on_console), ("telegram", on_telegram), ("discord", on_discord)):
        text = "\n\n".join(f"===== {name}\n\n{rendered(message)}" for name, message in screens.items()) + "\n"
        file = FOLDER / f"{platform}.txt"
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
            pytest.fail(f"{file.name} is written anew: read it")
        assert text == file.read_text(), f"delete {file.name} if the new text is what people should see"


async def settings_of_a_group(bot: Bot) -> Any:
    event = await bot.does(command("settings"), group="club", role="admin")
    (row,) = await outbox.of_event(event.key)
    owner, opened = row.payload["owner"], row.payload["opened"]
    return await bot.does(press("settings", owner, opened, "place"), group="club", role="admin")
