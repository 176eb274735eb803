"""`python -m workers settings`: the settings that workers read."""

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
from workers.feeds.settings import FeedSettings
from workers.moderation.settings import ClassifierSettings
from workers.pictures.settings import PictureSettings
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
    PictureSettings,
    FeedSettings,
    ClassifierSettings,
    FunctionSettings,
)
"""All that a worker reads."""


def names_of_settings() -> list[str]:
    """Return the names of their environment variables."""
    return list(dict.fromkeys(name for kind in SETTINGS for name in variables_of(kind)))


def list_settings() -> int:
    """Print their names; returns the exit status."""
    sys.stdout.writelines(f"{name}\n" for name in names_of_settings())
    return 0
