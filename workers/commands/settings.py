"""`python -m workers settings`: the settings that workers read."""

import json
import sys
from typing import Final

from db.agents import FunctionSettings
from db.environment import variables_of
from db.retention import RetentionSettings
from db.settings import DatabaseSettings, ModerationSettings
from workers.context.settings import ContextSettings
from workers.craft.settings import CraftSettings
from workers.engines.image.settings import ImageSettings
from workers.engines.text.embedding.settings import EmbeddingSettings
from workers.engines.text.settings import TextSettings
from workers.moderation.settings import ClassifierSettings
from workers.settings import WorkerSettings

SETTINGS: Final = (
    WorkerSettings,
    DatabaseSettings,
    ModerationSettings,
    RetentionSettings,
    TextSettings,
    EmbeddingSettings,
    ContextSettings,
    CraftSettings,
    ImageSettings,
    ClassifierSettings,
    FunctionSettings,
)
"""All that a worker reads."""


def list_settings(*, as_json: bool) -> int:
    """Print their names; returns the exit status."""
    names = [name for kind in SETTINGS for name in variables_of(kind)]
    if as_json:
        sys.stdout.write(json.dumps([{"name": name} for name in dict.fromkeys(names)]) + "\n")
    else:
        sys.stdout.writelines(f"{name}\n" for name in dict.fromkeys(names))
    return 0
