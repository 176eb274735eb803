"""The checks of `storyfork doctor` on the environment: the proxies in use, and settings that nothing reads."""

import asyncio
import difflib
import os
from typing import Final
from urllib.parse import urlsplit

from dotenv import dotenv_values

from bot.cli.checks import Check, Installation, State
from bot.cli.errors import OperatorError
from bot.settings import BotSettings
from db.environment import ENV_FILE, PROXIED, variables_of

RENAMED: Final = {
    "STORYFORK_LLAMA_PARALLEL": "STORYFORK_LLAMA_MAX_NUM_SEQS",
    "STORYFORK_LLAMA_STEP_TOKENS": "STORYFORK_LLAMA_MAX_NUM_BATCHED_TOKENS",
    "STORYFORK_LLAMA_SPILL_MB": "STORYFORK_LLAMA_SWAP_MB",
    "DISCORD_BOT_TOKEN": "DISCORD_TOKEN",
    "TELEGRAM_BOT_TOKEN": "TELEGRAM_TOKEN",
}
"""Former names, and names that other bots use."""
_OURS: Final = "STORYFORK_"
_OURS_IN_FILE: Final = (_OURS, "DISCORD_", "TELEGRAM_")


async def check_environment(around: Installation) -> list[Check]:
    """One line for the proxies, if there are any, and one for each setting that nothing reads."""
    try:
        answers = await around.workers.about("settings")
    except OperatorError:  # the check of the models says why workers do not start
        return _proxies()
    known = set(variables_of(BotSettings)) | {str(answer["name"]) for answer in answers}
    return [*_proxies(), *await asyncio.to_thread(_leftovers, known)]


def _proxies() -> list[Check]:
    found = {scheme: os.environ.get(f"{scheme}_proxy", "") for scheme in PROXIED}
    used = [f"{scheme} by {_place(url)}" for scheme, url in found.items() if url]
    if not used:
        return []
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "nothing"
    return [Check("proxy", State.OK, f"{', '.join(used)}; directly: {direct}")]


def _place(url: str) -> str:
    """Return a proxy without its credentials."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _leftovers(known: set[str]) -> list[Check]:
    set_here = {name.upper() for name in os.environ if name.upper().startswith(_OURS)}
    in_file = {name.upper() for name in dotenv_values(ENV_FILE, encoding="utf-8-sig")}
    set_here |= {name for name in in_file if name.startswith(_OURS_IN_FILE)}
    return [_leftover(name, known) for name in sorted(set_here - known)]


def _leftover(name: str, known: set[str]) -> Check:
    near = [RENAMED[name]] if name in RENAMED else difflib.get_close_matches(name, known, 1, 0.8)
    advice = f"Is {near[0]} meant?" if near else "Remove it, unless an installed package reads it."
    return Check("setting", State.WARN, f"{name} is set, but Storyfork has no such setting", advice)
