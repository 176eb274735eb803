"""The commands of ``python -m workers``: `run`, `models`, `classifiers`, `settings` and `plugins`."""

import argparse
import asyncio
import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final, NoReturn

from db import privacy
from db.agents import FunctionSettings
from db.connection import BadDatabaseUrl, connect
from db.environment import BadEnvironment, prepare_environment, read_settings, variables_of
from db.errors import Outage
from db.heartbeats import deployment
from db.logs import LogSettings, set_up_logging
from db.migrate import MigrationError, await_schema
from db.moderation import policy_of
from db.retention import RetentionSettings, days_kept
from db.schemas import load_schemas
from db.settings import DatabaseSettings, ModerationSettings
from prompts.registry import default_registry
from workers import registries
from workers.context.builder import ContextBuilder
from workers.context.settings import ContextSettings
from workers.embedding import ArchiveEmbedder
from workers.engines.image.build import build_image_chain
from workers.engines.image.chain import ImageChain
from workers.engines.image.discovery import find_image_models
from workers.engines.image.settings import ImageSettings
from workers.engines.text.build import build_text_chain
from workers.engines.text.chain import TextChain
from workers.engines.text.discovery import find_models
from workers.engines.text.embedding.base import EmbeddingEngine
from workers.engines.text.embedding.build import EmbeddingSetup, build_embedding_engine
from workers.engines.text.embedding.settings import EmbeddingSettings
from workers.engines.text.settings import TextSettings
from workers.main import serve
from workers.moderation.base import TextClassifier
from workers.moderation.build import ClassifierSetup, build_classifiers
from workers.moderation.examine import examine_all
from workers.moderation.moderator import Moderator
from workers.moderation.settings import ClassifierSettings
from workers.notifiers import Notifiers
from workers.pictures.safety import SafetySettings
from workers.preload import preload
from workers.queue import Queue
from workers.runner import Runner
from workers.services import Services
from workers.settings import WorkerSettings
from workers.workflows.registry import known_types

_log = logging.getLogger(__name__)
SETTINGS: Final = (
    WorkerSettings,
    DatabaseSettings,
    ModerationSettings,
    RetentionSettings,
    TextSettings,
    EmbeddingSettings,
    ContextSettings,
    ImageSettings,
    ClassifierSettings,
    FunctionSettings,
)
"""All that a worker reads."""


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run jobs until SIGTERM")
    running.add_argument("--queue", choices=("cpu", "gpu"), default="cpu")
    models = commands.add_parser("models", help="list the models that are found")
    models.add_argument("--json", action="store_true")
    classifiers = commands.add_parser("classifiers", help="ask the classifiers of texts about a harmless sentence")
    classifiers.add_argument("--json", action="store_true")
    plugins = commands.add_parser("plugins", help="list the installed plug-ins that are broken")
    plugins.add_argument("--json", action="store_true")
    settings = commands.add_parser("settings", help="list the settings that workers read")
    settings.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        prepare_environment()
        for kind in SETTINGS:
            read_settings(kind)
        if options.command == "models":
            return _models(as_json=options.json)
        if options.command == "classifiers":
            return asyncio.run(_classifiers(as_json=options.json))
        if options.command == "settings":
            return _settings(as_json=options.json)
        if options.command == "plugins":
            return _plugins(as_json=options.json)
        set_up_logging(read_settings(LogSettings))
        return asyncio.run(_run_to_end(options.queue))
    except (BadDatabaseUrl, BadEnvironment, MigrationError) as e:
        sys.stderr.write(f"{e}\n")
        return os.EX_CONFIG
    except Outage as e:
        sys.stderr.write(f"The database cannot be used now: {e}\n")
        return os.EX_TEMPFAIL


async def _run_to_end(queue_kind: str) -> NoReturn:
    """Run a worker, then exit with its signal handlers still in place, so that a second Ctrl-C prints no traceback."""
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
    text = await asyncio.to_thread(build_text_chain, read_settings(TextSettings), registries.text_engines()[0])
    images = await asyncio.to_thread(_image_chain) if queue_kind == "gpu" else ImageChain()
    if queue_kind == "gpu" and images.first() is None:
        _log.warning(
            "this worker will draw nothing: there is no picture model. `storyfork models pull pictures` gets one, "
            "`storyfork doctor` says what is found and why it is not used; start the worker again afterwards"
        )
    moderation = read_settings(ModerationSettings)
    moderator = Moderator(await _built_classifiers(moderation, text))
    embedder = ArchiveEmbedder(await asyncio.to_thread(_embedding_engine) if queue_kind == "cpu" else None)
    safety = SafetySettings(strict=read_settings(ImageSettings).image_strict)
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
                policy=policy_of(moderation, settings.storyfork_operators),
                moderator=moderator,
                notifiers=notifiers,
                processors=tuple(registries.processors()[0]),
                functions=registries.functions()[0],
                context=ContextBuilder(read_settings(ContextSettings)),
                sampling=read_settings(FunctionSettings),
                embedder=embedder,
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
                await moderator.close()
                await images.close()
                await text.close()
    return 0


async def _built_classifiers(moderation: ModerationSettings, text: TextChain) -> tuple[TextClassifier, ...]:
    setup = ClassifierSetup(read_settings(ClassifierSettings), text, default_registry())
    specs = registries.text_classifiers()[0]
    return await asyncio.to_thread(build_classifiers, moderation.storyfork_text_classifiers, specs, setup)


def _embedding_engine() -> EmbeddingEngine | None:
    setup = EmbeddingSetup(read_settings(EmbeddingSettings), read_settings(TextSettings))
    return build_embedding_engine(setup, registries.embedding_engines()[0])


def _image_chain() -> ImageChain:
    return build_image_chain(read_settings(ImageSettings), registries.image_engines()[0])


def _models(*, as_json: bool) -> int:
    text, settings = read_settings(TextSettings), read_settings(ImageSettings)
    found = find_models(text)
    if as_json:
        rows = [
            {"kind": "text", "path": str(m.path), "size": m.size, "fits": m.fits, "reason": m.reason} for m in found
        ]
        rows += [
            {"kind": "image", "path": str(m.path), "size": m.size, "fits": m.usable, "reason": m.reason}
            for m in find_image_models(settings)
        ]
        if settings.image_base_url:
            rows.append({"kind": "image", "path": str(settings.image_base_url), "size": 0, "fits": True, "reason": ""})
        if (embedder := _embedding_engine()) is not None:
            named = f"{embedder.model} ({embedder.name})"
            rows.append({"kind": "embedding", "path": named, "size": 0, "fits": True, "reason": ""})
        sys.stdout.write(json.dumps(rows) + "\n")
    else:
        for m in found:
            sys.stdout.write(f"{'*' if m.fits else ' '} {Path(m.path)}  {m.size / 2**30:.1f} GiB  {m.reason}\n")
        if not found:
            sys.stdout.write(f"No models under {text.models_dir.absolute()}: templates write everything.\n")
        for image in find_image_models(settings):
            mark, size = "*" if image.usable else " ", image.size / 2**30
            sys.stdout.write(f"{mark} {image.path}  {size:.1f} GiB  pictures  {image.reason}\n")
    return 0


async def _classifiers(*, as_json: bool) -> int:
    await asyncio.to_thread(preload)
    text = await asyncio.to_thread(build_text_chain, read_settings(TextSettings), registries.text_engines()[0])
    classifiers = await _built_classifiers(read_settings(ModerationSettings), text)
    try:
        found = await examine_all(classifiers)
    finally:
        await Moderator(classifiers).close()
        await text.close()
    if as_json:
        sys.stdout.write(json.dumps([asdict(each) for each in found]) + "\n")
    else:
        for each in found:
            doubt = "" if each.harmless else ", takes a harmless sentence for sexual"
            result = each.problem or f"{each.seconds:.1f} s{doubt}"
            sys.stdout.write(f"{' ' if each.problem else '*'} {each.name}  {result}\n")
    return 0


def _settings(*, as_json: bool) -> int:
    names = [name for kind in SETTINGS for name in variables_of(kind)]
    if as_json:
        sys.stdout.write(json.dumps([{"name": name} for name in dict.fromkeys(names)]) + "\n")
    else:
        sys.stdout.writelines(f"{name}\n" for name in dict.fromkeys(names))
    return 0


def _plugins(*, as_json: bool) -> int:
    problems = registries.problems()
    if as_json:
        sys.stdout.write(json.dumps([{**asdict(problem), "problem": str(problem)} for problem in problems]) + "\n")
    else:
        sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 0
