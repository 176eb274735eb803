"""`python -m workers run`: a worker made of its settings."""

import asyncio
import logging
import os
import sys
from typing import NoReturn

from db import privacy
from db.agents import FunctionSettings
from db.connection import connect
from db.environment import read_settings
from db.heartbeats import deployment
from db.migrate import await_schema
from db.moderation import policy_of
from db.retention import RetentionSettings, days_kept
from db.schemas import load_schemas
from db.settings import DatabaseSettings, ModerationSettings
from prompts.registry import default_registry
from workers import registries
from workers.commands.classifiers import built_classifiers
from workers.commands.models import embedding_engine
from workers.context.builder import ContextBuilder
from workers.context.settings import ContextSettings
from workers.craft.settings import CraftSettings
from workers.embedding import ArchiveEmbedder
from workers.engine_registries import image_engines, text_engines
from workers.engines.image.build import build_image_chain, picture_classifier
from workers.engines.image.chain import ImageChain
from workers.engines.image.settings import ImageSettings
from workers.engines.text.build import build_text_chain
from workers.engines.text.settings import TextSettings
from workers.feeds.settings import FeedSettings
from workers.main import serve
from workers.moderation.moderator import Moderator
from workers.notifiers import Notifiers
from workers.pictures.safety import SafetySettings
from workers.pictures.settings import PictureSettings
from workers.preload import preload
from workers.queue import Queue
from workers.runner import Runner
from workers.services import Services
from workers.settings import WorkerSettings
from workers.workflows.registry import known_types

_log = logging.getLogger(__name__)


async def run_to_end(queue_kind: str) -> NoReturn:
    """Run a worker of a queue until SIGTERM.

    It exits with its signal handlers still in place, so that a second Ctrl-C prints no traceback.
    """
    code = await _run(queue_kind)
    logging.shutdown()
    os._exit(code)


async def _run(queue_kind: str) -> int:
    settings, database = read_settings(WorkerSettings), read_settings(DatabaseSettings)
    url, redis_url = database.database_url, settings.redis_url
    if not url or not redis_url:
        sys.stderr.write("DATABASE_URL and REDIS_URL must be set: `storyfork worker` finds the embedded servers.\n")
        return 2
    rules = privacy.rules((await asyncio.to_thread(load_schemas)).specs)
    days = days_kept(read_settings(RetentionSettings), rules)
    await asyncio.to_thread(preload)
    text = await asyncio.to_thread(build_text_chain, read_settings(TextSettings), text_engines()[0])
    images = await asyncio.to_thread(_image_chain) if queue_kind == "gpu" else ImageChain()
    if queue_kind == "gpu" and images.first() is None:
        _log.warning(
            "this worker will draw nothing: there is no picture model. `storyfork models pull pictures` gets one, "
            "`storyfork doctor` says what is found and why it is not used; start the worker again afterwards"
        )
    moderation = read_settings(ModerationSettings)
    moderator = Moderator(await built_classifiers(moderation, text))
    embedder = ArchiveEmbedder(await asyncio.to_thread(embedding_engine) if queue_kind == "cpu" else None)
    pictures = read_settings(ImageSettings)
    classifier = await asyncio.to_thread(picture_classifier, pictures) if queue_kind == "cpu" else None
    safety = SafetySettings(strict=pictures.image_strict)
    async with connect(url, pool_size=database.storyfork_database_pool):
        await await_schema()
        async with Queue(redis_url, await deployment()) as queue:
            notifiers = Notifiers(registries.notifiers()[0])
            services = Services(
                text,
                default_registry(),
                queue,
                images=images,
                safety=safety,
                look=read_settings(PictureSettings).look,
                policy=policy_of(moderation, settings.storyfork_operators),
                moderator=moderator,
                notifiers=notifiers,
                processors=tuple(registries.processors()[0]),
                functions=registries.functions()[0],
                context=ContextBuilder(read_settings(ContextSettings)),
                sampling=read_settings(FunctionSettings),
                craft=read_settings(CraftSettings),
                embedder=embedder,
                picture_classifier=classifier,
                feeds=read_settings(FeedSettings),
            )
            runner = Runner(services, settings.storyfork_worker_jobs, types=known_types())
            try:
                await serve(
                    services,
                    ["gpu" if queue_kind == "gpu" else "cpu"],
                    runner,
                    drain=settings.storyfork_drain_seconds,
                    reaper=settings.storyfork_reaper,
                    days=days,
                )
            finally:
                await embedder.close()
                if classifier is not None:
                    await classifier.close()
                await moderator.close()
                await images.close()
                await text.close()
    return 0


def _image_chain() -> ImageChain:
    return build_image_chain(read_settings(ImageSettings), image_engines()[0])
