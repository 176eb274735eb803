"""`storyfork models`: what people see of it, through the real command and a local hub."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from tests.doubles.hub.server import HubServer, Repository

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "nomic-ai/nomic-embed-text-v1.5-GGUF"
FILE = "nomic-embed-text-v1.5.Q8_0.gguf"


async def storyfork(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "bot", *arguments], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


async def test_models_are_pulled_from_the_hub(tmp_path: Path) -> None:
    hub = HubServer({REPOSITORY: Repository({FILE: b"GGUF" * 5000})})
    await hub.start()
    try:
        done = await storyfork("models", "pull", "embeddings", HF_ENDPOINT=hub.url, STORYFORK_MODELS_DIR=str(tmp_path))
        target = tmp_path / "embedding/nomic-embed-text-v1.5" / FILE
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{target}\n"
        assert target.read_bytes() == b"GGUF" * 5000
        elsewhere = await storyfork("models", "pull", "--into", str(tmp_path / "b"), "embeddings", HF_ENDPOINT=hub.url)
        assert elsewhere.returncode == 0, elsewhere.stderr
        assert (tmp_path / "b" / "SHA256SUMS").is_file()
    finally:
        await hub.stop()


async def test_presets_show_size_and_licence() -> None:
    done = await storyfork("models", "presets")
    assert done.returncode == 0
    assert "Stable Diffusion XL 1.0, 7.1 GB, licence CreativeML Open RAIL++-M, MIT" in done.stdout


async def test_an_unknown_preset_is_said_so() -> None:
    done = await storyfork("models", "pull", "nothing")
    assert done.returncode == 2
    assert "there are text-small" in done.stderr
