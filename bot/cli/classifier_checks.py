"""The check of `storyfork doctor` on the classifiers of texts: each is asked about a harmless sentence."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from bot.cli.checks import Check, Installation, State
from bot.cli.children import ask_workers, child_environment
from bot.cli.configuration import read
from bot.cli.errors import OperatorError
from db.settings import ModerationSettings

SECONDS: Final = 110.0
"""Time for all of them together: a local model may have to be loaded."""
_SLOW_SECONDS: Final = 5.0
_ADVICE: Final = {
    "remote": "Check STORYFORK_MODERATION_BASE_URL, _API_KEY and _MODEL, and that this machine reaches the server.",
    "judge": "It needs a text model that answers in JSON: check the models, and STORYFORK_JUDGE_MODEL.",
    "folder": "Check STORYFORK_TEXT_CLASSIFIER: a folder with config.json and safetensors weights, whose labels say "
    "which of them are sexual; it needs the packages of storyfork[gpu].",
}
_PACKAGES: Final = "Check its package's settings, or take it out of STORYFORK_TEXT_CLASSIFIERS."
_MISFIT: Final = "It is not made for this, or its labels mean something else: what it takes for sexual is refused."


async def check_classifiers(around: Installation, *, offline: bool) -> list[Check]:
    """One line for each classifier that the settings name: whether it gives results, and how long they take."""
    settings = await asyncio.to_thread(read, ModerationSettings)
    names = tuple(dict.fromkeys(settings.storyfork_text_classifiers))
    if not names:
        return [Check("classifiers", State.OK, "none named: nothing for adults is written")]
    if offline:
        return [Check("classifiers", State.OK, f"{', '.join(names)} (not asked)")]
    environment = child_environment(around.paths.home, around.running)
    try:
        found = await ask_workers("classifiers", environment, seconds=SECONDS)
    except OperatorError as error:
        return [Check("classifiers", State.FAIL, str(error), "Run `python -m workers classifiers` to see more.")]
    return [check_of(each) for each in found]


def check_of(found: Mapping[str, Any]) -> Check:
    """Return the line about a classifier from what `python -m workers classifiers` says of it."""
    name = f"classifier {found['name']}"
    if found["problem"]:
        advice = _ADVICE.get(found["name"], _PACKAGES)
        return Check(name, State.FAIL, f"no result, so it consents to nothing: {found['problem']}", advice)
    first, seconds = float(found["first"]), float(found["seconds"])
    detail = f"answers in {seconds:.1f} s"
    if first > 2 * seconds + 1:
        detail += f", {first:.1f} s the first time"
    if found["server"]:
        detail += f"; texts go to {found['server']}"
    if not found["harmless"]:
        return Check(name, State.WARN, f"{detail}; takes a harmless sentence for sexual", _MISFIT)
    if seconds > _SLOW_SECONDS:
        return Check(name, State.WARN, detail, "Every paragraph waits for it: take a smaller model or another server.")
    return Check(name, State.OK, detail)
