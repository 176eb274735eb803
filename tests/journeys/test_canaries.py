"""Marked words through every surface of two platforms: after `/data delete` they are nowhere, however one looks."""

import asyncio
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.stack.home import StackUrls
from db.connection import row, rows
from tests.db.test_privacy import tables_with_each
from tests.doubles.discord import Channel, DiscordServer
from tests.doubles.discord import Message as DiscordMessage
from tests.doubles.discord import Person as DiscordPerson
from tests.doubles.discord.bodies import Upload
from tests.doubles.telegram import Chat, Rules, TelegramServer
from tests.doubles.telegram import Message as TelegramMessage
from tests.doubles.telegram import Person as TelegramPerson
from tests.journeys.processes import bot, running, worker

TINY_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc33"
    "0000000049454e44ae426082"
)


class Canaries:
    """Marked words, and where each was said."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def word(self, surface: str) -> str:
        """A word that stands nowhere else."""
        word = f"zqcanary{len(self.planted):02}x"
        self.planted[word] = surface
        return word

    async def left(self, home: Path, redis_url: str) -> list[str]:
        """Where words are still found: tables, keys of Redis, files."""
        keys = await everything_in(redis_url)
        files = {str(p.relative_to(home)): await asyncio.to_thread(p.read_bytes) for p in await paths(home)}
        found: list[str] = []
        tables = await tables_with_each([*self.planted, *map(str.capitalize, self.planted)])
        for word, surface in self.planted.items():
            for spelt in (word, word.capitalize()):
                places = [*sorted(tables[spelt])]
                places += [name for name, content in (keys | files).items() if spelt.encode() in content]
                found += [f"{surface}: {place}" for place in places]
        return found


async def everything_in(redis_url: str) -> dict[str, bytes]:
    """All keys of Redis with their contents, as it would dump them."""
    client = Redis.from_url(redis_url)
    try:
        return {f"redis {key!r}": key + (await client.dump(key) or b"") async for key in client.scan_iter()}
    finally:
        await client.aclose()


async def paths(home: Path) -> list[Path]:
    """The files below a folder, spilled and temporary ones included."""
    return await asyncio.to_thread(lambda: [p for p in home.rglob("*") if p.is_file()])


async def settled() -> None:
    """Wait until nothing is being done nor said."""
    quiet = 0
    for _ in range(1200):
        open_ = await row(
            # Without a worker that draws, a picture is waited for: its job ends with the data.
            "SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'running') AND type <> 'imagine') "
            "+ (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')) "
            "+ (SELECT count(*) FROM late_updates) + (SELECT count(*) FROM awaited_files) AS n"
        )
        quiet = quiet + 1 if open_ is not None and open_["n"] == 0 else 0
        if quiet == 3:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("something is still being done")


def page(message: DiscordMessage | TelegramMessage) -> bool:
    """Whether a message shows a page with open choices."""
    labels = message.labels if isinstance(message, TelegramMessage) else [b.label for b in message.buttons]
    return "1" in labels and "Retry" in labels


async def on_telegram(ann: TelegramPerson, chat: Chat, word: Callable[[str], str], place: str) -> None:
    """Say words wherever one can on Telegram."""

    async def say(text: str, surface: str) -> TelegramMessage:
        return await ann.say(chat, text.replace("WORD", word(f"telegram {place}: {surface}")))

    said = await say("/story_new a keeper of WORD finds a door mode=open", "premise")
    first = await ann.wait_for_message(chat, page, timeout=60, after=said)
    await ann.tap(first, "Write your own")
    asked = await ann.wait_for_message(chat, lambda m: m.force_reply is not None, timeout=60, after=first)
    action = word(f"telegram {place}: own action")
    answer = await ann.say(chat, f"I whisper {action} to the door", reply_to=asked)
    await ann.wait_for_message(chat, page, timeout=60, after=answer)
    await say("/story_continue WORD", "a title that does not exist")
    await say("/persona_use WORD", "a persona that does not exist")
    await say("/prompt_set story/write_page You write WORD.", "a changed prompt")
    await say("/prompt_set WORD none", "a prompt that does not exist")
    await say("/imagine a WORD lighthouse", "a picture's description")
    await say("/nosuch WORD", "an unknown command")
    await say("/rating WORD", "a choice that is none")
    await say("/imagine a cat negative=WORD", "what a picture must not show")
    picture = TINY_PNG + word(f"telegram {place}: a picture").encode()
    await ann.send_photo(chat, picture, f"/imagine a {word(f'telegram {place}: a caption')} cat")
    await ann.send_document(
        chat, f"{word(f'telegram {place}: a name of a file')}.txt", word(f"telegram {place}: a file").encode()
    )
    await settled()
    await ann.say(chat, "/persona_use Vex")
    await settled()
    address = "" if place == "dm" else "@storyfork_bot "
    talk = await ann.say(chat, f"{address}hello, I am {word(f'telegram {place}: chat')}")
    await settled()
    await ann.edit(talk, f"hello, I am {word(f'telegram {place}: an edited message')}")
    await ann.say(chat, "/story_new")
    await settled()


async def on_discord(ann: DiscordPerson, channel: Channel, word: Callable[[str], str], place: str) -> None:
    """Say words wherever one can on Discord."""

    async def slash(name: str, surface: str, /, **values: str) -> None:
        canary = word(f"discord {place}: {surface}") if any("WORD" in v for v in values.values()) else ""
        given = {k: v.replace("WORD", canary) for k, v in values.items()}
        await (await ann.slash(channel, name, **given)).acknowledged()

    await slash("story new", "premise", premise="a keeper of WORD finds a door", mode="open")
    await settled()
    await slash("story continue", "a title that does not exist", story="WORD")
    await slash("persona use", "a persona that does not exist", name="WORD")
    await slash("prompt set", "a changed prompt", name="story/write_page", text="You write WORD.")
    await slash("imagine", "a picture's description", prompt="a WORD lighthouse")
    await slash("imagine", "what a picture must not show", prompt="a cat", negative="WORD")
    await settled()
    if place == "dm":
        first = await ann.wait_for_message(channel, page, timeout=60)
        asked = await ann.click(first, "Write your own")
        await asked.acknowledged()
        await ann.submit(asked, {"text": f"I whisper {word('discord dm: own action')} to the door"})
        await settled()
        await ann.send_files(
            channel, Upload(f"{word('discord dm: a name of a file')}.png", TINY_PNG, "image/png"), text="look"
        )
    await slash("persona use", "nothing", name="Vex")
    await settled()
    said = await ann.say(channel, f"hello, I am {word(f'discord {place}: chat')}", mention_bot=place != "dm")
    await settled()
    await ann.edit(said, f"hello, I am {word(f'discord {place}: an edited message')}")
    await settled()


async def erase_on_telegram(ann: TelegramPerson) -> None:
    """Have everything deleted, as a person does."""
    said = await ann.say(ann.chat(), "/data_delete")
    asked = await ann.wait_for_message(ann.chat(), lambda m: "Delete it all" in m.labels, timeout=60, after=said)
    await ann.tap(asked, "Delete it all")
    await erased()


async def erase_on_discord(ann: DiscordPerson) -> None:
    """The same on Discord."""
    asked = await (await ann.slash(ann.dm(), "data delete")).answered()
    await ann.click(asked, "Delete it all")
    await erased()


async def exported(ann: TelegramPerson, anna: DiscordPerson) -> tuple[bytes, bytes]:
    """Have a copy sent on both platforms; returns what the archives hold."""
    said = await ann.say(ann.chat(), "/data_export")
    got = await ann.wait_for_message(ann.chat(), lambda m: m.file is not None, timeout=60, after=said)
    assert got.file is not None
    await anna.slash(anna.dm(), "data export")
    sent = await anna.wait_for_message(anna.dm(), lambda m: m.attachments, timeout=60)
    return unpacked(got.file.content), unpacked(sent.attachments[0].upload.data)


def unpacked(archive: bytes) -> bytes:
    """All files of an archive in one."""
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        return b"".join(found.read(name) for name in found.namelist())


async def erased() -> None:
    """Wait until the job has done it."""
    for _ in range(600):
        if await row("SELECT 1 FROM jobs WHERE type = 'erase_data' AND state = 'done'"):
            await settled()
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("nothing was deleted")


KEPT = (
    "premise",
    "own action",
    "description",
    # In private the new words stand for the old ones; in a group the edited message does not call the bot.
    "dm: an edited message",
    "group: chat",
    "guild: chat",
)
"""Surfaces whose words a copy of one's data has."""


@pytest.mark.slow
async def test_after_data_delete_no_marked_word_is_left(database: str, redis_url: str, tmp_path: Path):
    urls, canaries = StackUrls(database, redis_url), Canaries()
    async with DiscordServer() as discord, TelegramServer(rules=Rules(flood=None)) as telegram:
        settings = {
            "DISCORD_TOKEN": discord.token,
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
            "TELEGRAM_TOKEN": telegram.token,
            "TELEGRAM_API_URL": telegram.api_url,
            "TELEGRAM_FLOOD_LIMITS": "false",
        }
        async with running(worker(urls, tmp_path), bot(urls, tmp_path, "discord", "telegram", **settings)):
            await discord.ready(timeout=60)
            await discord.commands_synced(timeout=60)
            ann = telegram.person(canaries.word("telegram: a name"))
            ben = telegram.person("Ben")
            club = telegram.group("Club", [ann, ben], privacy=False)
            telegram.appoint(club, ann, "can_change_info")
            await on_telegram(ann, ann.chat(), canaries.word, "dm")
            await on_telegram(ann, club, canaries.word, "group")
            anna = discord.person(canaries.word("discord: a name"))
            guild = discord.guild("Readers")
            guild.make_admin(anna)
            await on_discord(anna, anna.dm(), canaries.word, "dm")
            await on_discord(anna, guild.text_channel("general"), canaries.word, "guild")
            assert await canaries.left(tmp_path, redis_url), "words were planted at all"
            copies = await exported(ann, anna)
            for word, surface in canaries.planted.items():
                kept = surface.endswith(KEPT)
                assert not kept or any(word.encode() in copy for copy in copies), f"no copy of {surface}"
            await erase_on_telegram(ann)
            await rows("UPDATE jobs SET type = 'erased' WHERE type = 'erase_data'")
            await erase_on_discord(anna)
            assert await canaries.left(tmp_path, redis_url) == []
    assert await canaries.left(tmp_path, redis_url) == [], "in the logs of processes that have ended"
    assert len(canaries.planted) >= 50
