"""`python -m workers models`: the models that are found."""

import json
import sys
from pathlib import Path
from typing import Any

from db.environment import read_settings
from workers.engine_registries import embedding_engines
from workers.engines.image.discovery import find_image_models
from workers.engines.image.settings import ImageSettings
from workers.engines.text.discovery import find_models
from workers.engines.text.embedding.base import EmbeddingEngine
from workers.engines.text.embedding.build import EmbeddingSetup, build_embedding_engine
from workers.engines.text.embedding.settings import EmbeddingSettings
from workers.engines.text.settings import TextSettings


def embedding_engine() -> EmbeddingEngine | None:
    """Return the engine that the settings name, None for none."""
    setup = EmbeddingSetup(read_settings(EmbeddingSettings), read_settings(TextSettings))
    return build_embedding_engine(setup, embedding_engines()[0])


def found_models() -> list[dict[str, Any]]:
    """Return them: kind, path or address, size in bytes, whether each fits, and the reason if not."""
    settings = read_settings(ImageSettings)
    rows: list[dict[str, Any]] = [
        {"kind": "text", "path": str(m.path), "size": m.size, "fits": m.fits, "reason": m.reason}
        for m in find_models(read_settings(TextSettings))
    ]
    rows += [
        {"kind": "image", "path": str(m.path), "size": m.size, "fits": m.usable, "reason": m.reason}
        for m in find_image_models(settings)
    ]
    if settings.image_base_url:
        rows.append({"kind": "image", "path": str(settings.image_base_url), "size": 0, "fits": True, "reason": ""})
    if (embedder := embedding_engine()) is not None:
        named = f"{embedder.model} ({embedder.name})"
        rows.append({"kind": "embedding", "path": named, "size": 0, "fits": True, "reason": ""})
    return rows


def list_models(*, as_json: bool) -> int:
    """Print them; returns the exit status."""
    if as_json:
        sys.stdout.write(json.dumps(found_models()) + "\n")
    else:
        text, settings = read_settings(TextSettings), read_settings(ImageSettings)
        found = find_models(text)
        for m in found:
            sys.stdout.write(f"{'*' if m.fits else ' '} {Path(m.path)}  {m.size / 2**30:.1f} GiB  {m.reason}\n")
        if not found:
            sys.stdout.write(f"No models under {text.models_dir.absolute()}: templates write everything.\n")
        for image in find_image_models(settings):
            mark, size = "*" if image.usable else " ", image.size / 2**30
            sys.stdout.write(f"{mark} {image.path}  {size:.1f} GiB  pictures  {image.reason}\n")
    return 0
