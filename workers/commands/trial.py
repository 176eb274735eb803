"""`python -m workers trial`: what the model that would answer is fit for. Its database holds nothing but the trial."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

from db.agents import FunctionSettings
from db.connection import connect
from db.environment import BadEnvironment, read_settings
from db.migrate import await_schema
from db.settings import DatabaseSettings
from prompts.registry import default_registry
from workers import registries
from workers.context.builder import ContextBuilder
from workers.context.settings import ContextSettings
from workers.craft.settings import CraftSettings
from workers.engine_registries import text_engines
from workers.engines.text.build import build_text_chain
from workers.engines.text.discovery import find_models
from workers.engines.text.llama.models import model_name
from workers.engines.text.settings import TextSettings
from workers.preload import preload
from workers.queue import Queue
from workers.services import Services
from workers.settings import WorkerSettings
from workers.trials.play import TrialFailed
from workers.trials.trial import try_model
from workers.trials.verdict import Fitness


async def run_trial(name: str, pages: int, *, as_json: bool) -> int:
    """Try the model of that name ("": the one that would answer), and print what it is fit for.

    Lines about what was written go to standard error meanwhile. Returns the exit status: 1 if the trial failed.
    """
    await asyncio.to_thread(preload)
    text = await asyncio.to_thread(_settings_for, name)
    try:
        found = await _tried(text, pages, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    except TrialFailed as e:
        sys.stderr.write(f"The trial failed: {e}\n")
        return 1
    if as_json:
        sys.stdout.write(json.dumps([_plain(each) for each in found]) + "\n")
    else:
        sys.stdout.writelines(f"{each.word:6} {each.purpose}: {each.describe()}\n" for each in found)
    return 0


async def _tried(text: TextSettings, pages: int, heard: Callable[[str], None]) -> list[Fitness]:
    database, worker = read_settings(DatabaseSettings), read_settings(WorkerSettings)
    if not database.database_url or not worker.redis_url:
        raise TrialFailed("DATABASE_URL and REDIS_URL must be set: `storyfork doctor --model` starts servers for it.")
    chain = await asyncio.to_thread(build_text_chain, text, text_engines()[0])
    if not chain.engines:
        raise TrialFailed("there is no model: `storyfork models` says what is found.")
    try:
        async with connect(database.database_url, pool_size=4), Queue(worker.redis_url) as queue:
            await await_schema()
            services = Services(
                chain,
                default_registry(),
                queue,
                processors=tuple(registries.processors()[0]),
                functions=registries.functions()[0],
                context=ContextBuilder(read_settings(ContextSettings)),
                sampling=read_settings(FunctionSettings),
                craft=read_settings(CraftSettings),
            )
            return await try_model(services, pages, heard)
    finally:
        await chain.close()


def _settings_for(name: str) -> TextSettings:
    """Return the settings with which a model answers. Raises `BadEnvironment` if there is none of that name."""
    settings = read_settings(TextSettings)
    if not name:
        return settings
    if (path := Path(name)).exists():
        return settings.model_copy(update={"text_model": path})
    found = {model_name(model.path): model.path for model in reversed(find_models(settings)) if model.usable}
    if name in found:
        return settings.model_copy(update={"text_model": found[name]})
    if settings.remote_base_url:
        return settings.model_copy(update={"remote_model": name, "text_engines": ("remote",)})
    known = ", ".join(sorted(found)) or "none"
    raise BadEnvironment(f"There is no model {name!r}; found are: {known}.")


def _plain(found: Fitness) -> dict[str, object]:
    return {"purpose": found.purpose, "word": found.word, "share": round(found.share, 3), "detail": found.describe()}
