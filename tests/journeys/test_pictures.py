"""People ask for pictures: the real bot, real workers, a tiny SDXL that draws for real."""

import asyncio
import io
import os
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from bot.stack.home import StackUrls
from tests.doubles.discord import DiscordServer
from tests.doubles.discord.invocation import Attached
from tests.doubles.telegram import Message as TelegramMessage
from tests.doubles.telegram import TelegramServer
from tests.journeys.processes import ROOT, Program, bot, environment, serving, worker

pytestmark = pytest.mark.skipif(find_spec("diffusers") is None, reason="not installed: diffusers (extra: gpu)")

WORDS = " ".join(f"the keeper of lighthouse {n} opens a green door below the sea" for n in range(1, 19))
"""Some 200 words."""
PANORAMA = (616, 256)
"""As large as that shape may be with the pixels that the tests allow."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model."""
    from tests.models.tiny_sdxl import tiny_sdxl

    return tiny_sdxl(tmp_path_factory.mktemp("models"))


def size(data: bytes) -> tuple[int, int]:
    """Width and height of a picture."""
    with Image.open(io.BytesIO(data)) as picture:
        return picture.size


def drawing(model: Path) -> dict[str, str]:
    """Settings of a worker that draws with the tiny model."""
    return {
        "STORYFORK_IMAGE_MODEL": str(model),
        "STORYFORK_IMAGE_DEVICE": "cpu",
        "STORYFORK_IMAGE_THREADS": "1",
        "STORYFORK_IMAGE_MAX_PIXELS": str(4 * 400 * 400),
    }


def gpu_worker(urls: StackUrls, home: Path, model: Path) -> Program:
    """A worker of the gpu queue."""
    settings = environment(urls, home, **drawing(model))
    return Program("worker-gpu", ["workers", "run", "--queue", "gpu"], settings, home / "worker-gpu.log")


async def demo(home: Path, lines: list[str], **more: str) -> str:
    """What `storyfork demo` prints for these lines."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "demo", cwd=ROOT,
        env={**os.environ, **more, "STORYFORK_HOME": str(home), "STORYFORK_MODELS_DIR": str(home / "models")},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate("\n".join(lines).encode()), 200)
    assert process.returncode == 0, out.decode() + err.decode()
    return out.decode()


@pytest.mark.slow
async def test_in_the_terminal(prepared_home: Path, tmp_path: Path, model: Path):
    source = tmp_path / "mine.png"
    Image.effect_noise((96, 64), 50).save(source)
    lines = [
        f"/imagine {WORDS} size=panorama quality=draft seed=7",
        "prompt",
        "vary",
        f"/imagine {WORDS} size=panorama quality=draft seed=7",
        f"/imagine the same at night quality=draft picture={source}",
        "/imagine a door picture=nowhere.png",
    ]
    output = await demo(prepared_home, lines, **drawing(model))
    assert "the keeper of lighthouse 1 opens a green door" in output
    assert "Seed 7 · 616 × 256" in output
    assert "the keeper of lighthouse 18" in output.split("> prompt", 1)[1]
    assert "There is no such file to read." in output
    drawn = sorted((prepared_home / "pictures").glob("*.png"))
    # The attached picture is the fourth of the record; its shape is kept.
    assert [path.stem for path in drawn] == ["picture-1", "picture-2", "picture-3", "picture-5"], output
    assert [size(path.read_bytes()) for path in drawn] == [PANORAMA, PANORAMA, PANORAMA, (480, 328)]
    assert drawn[0].read_bytes() == drawn[2].read_bytes() != drawn[1].read_bytes()


@dataclass(frozen=True)
class Places:
    """Both platforms, of a service that draws."""

    telegram: TelegramServer
    discord: DiscordServer


@pytest.fixture(scope="module")
async def places(
    request: pytest.FixtureRequest, shared_urls: StackUrls, tmp_path_factory: pytest.TempPathFactory, model: Path
) -> AsyncGenerator[Places]:
    urls, home = shared_urls, tmp_path_factory.mktemp("home")
    async with TelegramServer() as telegram, DiscordServer() as discord:
        settings = {
            "TELEGRAM_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.api_url,
            "DISCORD_TOKEN": discord.token, "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
        }  # fmt: skip
        both = bot(urls, home, "telegram", "discord", **settings)
        async with serving(request, worker(urls, home), gpu_worker(urls, home, model), both):
            await discord.ready(timeout=60)
            await discord.commands_synced(timeout=60)
            yield Places(telegram, discord)


@pytest.mark.slow
async def test_on_telegram(places: Places):
    telegram = places.telegram
    ann = telegram.person("ann")
    dm = ann.chat()
    said = await ann.say(dm, f"/imagine size=panorama seed=7 {WORDS}")
    waiting = await ann.wait_for_message(dm, lambda m: m.labels == ["Cancel"], timeout=40, after=said)
    shown = await ann.wait_for_message(dm, lambda m: m.file is not None, timeout=40, after=said)
    assert shown.id == waiting.id
    assert shown.file is not None
    assert shown.file.kind == "photo"
    assert size(shown.file.content) == PANORAMA
    assert "lighthouse 1 opens a green door" in shown.text
    assert "Seed 7" in shown.text

    await ann.tap(shown, "Full quality")
    file = await ann.wait_for_message(dm, has("document"), timeout=60, after=shown)
    assert file.file is not None
    assert file.file.content.startswith(b"\x89PNG")
    await ann.tap(shown, "Delete")
    await ann.wait_until(shown, lambda m: m.deleted)

    said = await ann.say(dm, "/imagine quality=hd a storm that never ends")
    # Its steps may not be shown: a chat's pace leaves no room for them, or it is drawn before.
    waiting = await ann.wait_for_message(dm, lambda m: m.labels == ["Cancel"], timeout=40, after=said)
    await ann.tap(waiting, "Cancel")
    await ann.wait_until(waiting, lambda m: m.text == "Cancelled.")

    sent = await ann.send_photo(dm, file.file.content, "/imagine quality=draft the same at night")
    redrawn = await ann.wait_for_message(dm, has("photo"), timeout=40, after=sent)
    assert redrawn.file is not None
    assert size(redrawn.file.content) == PANORAMA

    said = await ann.say(dm, "/story_new a keeper finds a door under the sea")
    page = await ann.wait_for_message(dm, lambda m: "Retry" in m.labels, timeout=60, after=said)
    await ann.tap(page, "Picture")
    drawn = await ann.wait_for_message(dm, has("photo"), timeout=40, after=page)
    assert "Again" in drawn.labels
    assert "Retry" in page.labels


def has(kind: str) -> Callable[[TelegramMessage], bool]:
    """Tell whether a message is a photo or a document."""
    return lambda message: message.file is not None and message.file.kind == kind


async def test_on_discord(places: Places):
    discord = places.discord
    ann, ben = discord.person("ann"), discord.person("ben")
    first = await ann.slash(ann.dm(), "imagine", prompt=WORDS, size="panorama", seed=7)
    second = await ben.slash(ben.dm(), "imagine", prompt=f"{WORDS} at night", size="panorama", seed=8)
    assert (await first.acknowledged()).latency < 3
    assert (await second.acknowledged()).latency < 3
    hers = await ann.wait_for_message(ann.dm(), lambda m: bool(m.attachments), timeout=60)
    his = await ben.wait_for_message(ben.dm(), lambda m: bool(m.attachments), timeout=60)
    (attachment,) = hers.attachments
    assert attachment.description is not None
    assert attachment.description.startswith("the keeper of lighthouse 1 opens a green door")
    assert size(attachment.data) == PANORAMA
    assert "Seed 7" in hers.text
    assert "Seed 8" in his.text
    assert his.attachments[0].data != attachment.data
    # One thread draws: two who are drawn for at the same time are drawn for together.
    begun = [min(e.at for e in m.edits if "Drawing: step" in e.content) for m in (hers, his)]
    ended = [m.edits[-1].at for m in (hers, his)]
    assert max(begun) < min(ended)

    url = hers.payload(base_url=discord.base_url)["attachments"][0]["url"]
    mine = Attached(900, "picture-1.png", url, len(attachment.data))
    asked = await ann.slash(ann.dm(), "imagine", prompt="the same at noon", picture=mine, quality="draft")
    redrawn = await asked.answered(timeout=40)
    await ann.wait_until(lambda: bool(redrawn.attachments), timeout=40)
    assert size(redrawn.attachments[0].data) == PANORAMA

    portrait = await ben.slash(ben.dm(), "persona portrait", name="Vex", quality="draft")
    shown = await portrait.answered(timeout=40)
    await ben.wait_until(lambda: bool(shown.attachments), timeout=40)
    assert (shown.attachments[0].description or "").startswith("Vex")

    channel = discord.guild("Readers").text_channel("general")
    begun_story = await ann.slash(channel, "story new", premise="a door under the sea", illustrated=True)
    lead = await begun_story.answered(timeout=60)
    await ann.wait_until(lambda: lead.id in discord.world.channels, timeout=60)
    thread = discord.world.channels[lead.id]
    page = await ann.wait_for_message(thread, lambda m: m.button("Retry") is not None, timeout=60)
    picture = await ann.wait_for_message(thread, lambda m: bool(m.attachments), timeout=60, after=page)
    assert picture.attachments[0].description
