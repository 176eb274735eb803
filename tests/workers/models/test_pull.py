"""Downloading models from a local hub: whole, verified, and resumed where it was cut."""

import asyncio
import hashlib
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.doubles.hub.server import HubServer, Repository
from workers.models.hub import ChecksumWrong, DownloadFailed, Hub, HubFile, place
from workers.models.presets import Preset, Source, presets
from workers.models.pull import CHECKSUMS, pull

ROOT = Path(__file__).resolve().parents[3]
WEIGHTS = random.Random(3).randbytes(3_000_000)
CONFIG = b'{"a": 1}\n'
SOURCE = Source(
    repo="maker/tiny",
    files=("config.json", "unet/*.fp16.safetensors"),
    into="image/tiny",
    licence="MIT",
    size_gb=0.003,
    rename=".fp16",
)
PRESET = Preset(key="tiny", title="Tiny", purpose="Tests.", needs="nothing", sources=(SOURCE,))


@pytest.fixture
async def server() -> AsyncGenerator[HubServer]:
    files = {
        "config.json": CONFIG,
        "unet/model.fp16.safetensors": WEIGHTS,
        "unet/model.bin": b"x" * 2000,
        "evil.py": b"x",
    }
    running = HubServer({"maker/tiny": Repository(files)})
    await running.start()
    yield running
    await running.stop()


async def pulled(server: HubServer, root: Path, preset: Preset = PRESET, token: str | None = None) -> list[Path]:
    console = Console(file=io.StringIO(), force_terminal=True)
    return await asyncio.to_thread(pull, preset, root, Hub(server.url, token, pause_s=0.05), console)


async def test_files_arrive_whole_and_their_checksums_are_written_down(server: HubServer, tmp_path: Path) -> None:
    config, weights = await pulled(server, tmp_path)
    assert config == tmp_path / "image/tiny/config.json"
    assert weights == tmp_path / "image/tiny/unet/model.safetensors"
    assert config.read_bytes() == CONFIG
    assert weights.read_bytes() == WEIGHTS
    assert (tmp_path / CHECKSUMS).read_text().splitlines() == [
        f"{hashlib.sha256(CONFIG).hexdigest()}  image/tiny/config.json",
        f"{hashlib.sha256(WEIGHTS).hexdigest()}  image/tiny/unet/model.safetensors",
    ]
    assert not list(tmp_path.rglob("*.part"))
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", CHECKSUMS], cwd=tmp_path, check=False, capture_output=True
    )
    assert checked.returncode == 0


async def test_what_is_there_is_not_fetched_again(server: HubServer, tmp_path: Path) -> None:
    await pulled(server, tmp_path)
    server.served.clear()
    await pulled(server, tmp_path)
    assert server.served == []


async def test_what_is_there_but_spoilt_is_fetched_again(server: HubServer, tmp_path: Path) -> None:
    _, weights = await pulled(server, tmp_path)
    weights.write_bytes(b"\0" + WEIGHTS[1:])
    await pulled(server, tmp_path)
    assert weights.read_bytes() == WEIGHTS


@pytest.mark.slow
async def test_a_cut_connection_is_resumed(server: HubServer, tmp_path: Path) -> None:
    # The client library writes in pieces of 10 MiB: only these can be gone on from.
    large = WEIGHTS * 11
    server.repositories["maker/tiny"].files["unet/model.fp16.safetensors"] = large
    server.cut_after, server.cuts = 12_000_000, 2
    _, weights = await pulled(server, tmp_path)
    assert weights.read_bytes() == large
    starts = [served.start for served in server.served if served.path.endswith("safetensors")]
    assert starts == [0, 10 * 2**20, 20 * 2**20]


async def test_a_stopped_download_goes_on_in_the_next_run(server: HubServer, tmp_path: Path) -> None:
    part = tmp_path / "image/tiny/unet/model.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(WEIGHTS[:2_000_000])
    _, weights = await pulled(server, tmp_path)
    assert weights.read_bytes() == WEIGHTS
    (served,) = [served for served in server.served if served.path.endswith("safetensors")]
    assert (served.start, served.sent) == (2_000_000, 1_000_000)


@pytest.mark.parametrize("part", [b"\0" * 2_000_000, b"\0" * 3_000_000, b"\0" * 4_000_000])
async def test_a_wrong_part_is_thrown_away(server: HubServer, tmp_path: Path, part: bytes) -> None:
    path = tmp_path / "image/tiny/unet/model.safetensors.part"
    path.parent.mkdir(parents=True)
    path.write_bytes(part)
    _, weights = await pulled(server, tmp_path)
    assert weights.read_bytes() == WEIGHTS


async def test_a_server_without_ranges(server: HubServer, tmp_path: Path) -> None:
    server.ignores_ranges = True
    path = tmp_path / "image/tiny/unet/model.safetensors.part"
    path.parent.mkdir(parents=True)
    path.write_bytes(WEIGHTS[:2_000_000])
    _, weights = await pulled(server, tmp_path)
    assert weights.read_bytes() == WEIGHTS


async def test_one_wrong_byte_is_noticed(server: HubServer, tmp_path: Path) -> None:
    server.corrupt = 1
    config, _ = await pulled(server, tmp_path)
    assert config.read_bytes() == CONFIG
    other = tmp_path / "other"
    server.corrupt = 100
    with pytest.raises(ChecksumWrong, match=r"config\.json of maker/tiny"):
        await pulled(server, other)
    assert not list(other.rglob("*.json*"))


async def test_a_busy_hub_is_asked_again(server: HubServer, tmp_path: Path) -> None:
    server.busy = 2
    assert len(await pulled(server, tmp_path)) == 2
    server.busy = 100
    with pytest.raises(DownloadFailed, match="goes on from there"):
        await pulled(server, tmp_path)


async def test_gated_and_missing_repositories_say_what_to_do(server: HubServer, tmp_path: Path) -> None:
    server.repositories["maker/tiny"].gated = True
    with pytest.raises(DownloadFailed, match=r"accept its licence at .*/maker/tiny and set HF_TOKEN"):
        await pulled(server, tmp_path)
    with pytest.raises(DownloadFailed, match="HF_TOKEN"):
        await pulled(server, tmp_path, token="hf_wrong")
    assert len(await pulled(server, tmp_path, token="hf_good")) == 2
    gone = PRESET.model_copy(update={"sources": (SOURCE.model_copy(update={"repo": "nobody/nothing"}),)})
    with pytest.raises(DownloadFailed, match="nobody/nothing"):
        await pulled(server, tmp_path, gone)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"files": ("missing.json",)}, "has no file missing.json"),
        ({"files": ("evil.py",)}, "no kind of file"),
        ({"files": ("unet/*.bin",)}, "no kind of file"),
        ({"revision": "nowhere"}, "maker/tiny"),
    ],
)
async def test_sources_that_do_not_fit(
    server: HubServer, tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    broken = PRESET.model_copy(update={"sources": (SOURCE.model_copy(update=change),)})
    with pytest.raises(DownloadFailed, match=complaint):
        await pulled(server, tmp_path, broken)
    assert not list(tmp_path.rglob("*.py"))


@pytest.mark.parametrize("name", ["../x.json", "/etc/x.json", "a/../../x.json", ".ssh/x.json", "a\\..\\x.json"])
def test_strange_names_stay_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="strange name"):
        place(SOURCE, HubFile("maker/tiny", "1", name, 1), tmp_path)


async def test_two_downloads_at_once(server: HubServer, tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / ".pull.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DownloadFailed, match="is running"):
            await pulled(server, tmp_path)
    assert len(await pulled(server, tmp_path)) == 2


async def test_the_command_uses_the_configured_hub(server: HubServer, tmp_path: Path) -> None:
    (safety,) = presets()["picture-safety"].sources
    assert isinstance(safety, Source)
    server.repositories[safety.repo] = Repository(dict.fromkeys(safety.files, b"{}" * 600))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "workers.models", *arguments],
            cwd=ROOT, env={**os.environ, "HF_ENDPOINT": server.url}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = await asyncio.to_thread(run, "pull", "picture-safety", "--into", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert [Path(line).name for line in done.stdout.splitlines()] == list(safety.files)
    assert "licence Apache-2.0" in done.stderr
    failed = await asyncio.to_thread(run, "pull", "pictures", "--into", str(tmp_path))
    assert failed.returncode == 1
    assert "stabilityai/stable-diffusion-xl-base-1.0" in failed.stderr
    unknown = await asyncio.to_thread(run, "pull", "nothing")
    assert unknown.returncode == 2
    assert "text-small" in unknown.stderr
    listed = await asyncio.to_thread(run, "list", "--json")
    assert {row["key"] for row in json.loads(listed.stdout)} == set(presets())


def test_presets_are_complete() -> None:
    for preset in presets().values():
        assert preset.size_gb > 0
        assert preset.licences
    assert {"text-medium", "pictures", "pictures-fast", "picture-safety"} <= set(presets())
    assert presets()["text-medium"].sources[0].into == "text/llama-3.1-8b"
    with pytest.raises(ValueError, match="below the models folder"):
        Source(repo="a/b", files=("x",), into="../up", licence="x", size_gb=1)
