"""`storyfork doctor --model`: pages and replies that nobody reads, and what they say about a model.

They are written by the workers' own functions, on servers of their own: neither the database's figures nor anybody's
turn are touched.
"""

from pathlib import Path
from typing import Final

from bot.cli.checks import Check, State
from bot.cli.children import ask_workers, child_environment
from bot.settings import BotSettings
from bot.stack.embedded import embedded_stack
from db.migrate import migrate

SECONDS: Final = 3600.0
"""Time for a trial: a large model on a processor writes a page in a minute."""
_STATES: Final = {"fit": State.OK, "usable": State.WARN, "unfit": State.FAIL}
_ADVICE: Final = {
    "fit": "",
    "usable": "What it does not manage is written by the next engine, and at last by templates.",
    "unfit": "Most of it would be written by templates: take a larger model for this (docs/settings.md, text engines).",
}


async def try_model(settings: BotSettings, home: Path, name: str, *options: str) -> list[Check]:
    """Have a model write, and return what it is fit for, a check each. Raises `OperatorError` and `StackError`.

    ``home`` is an empty folder for the servers, ``name`` a file's or a model's, "" the one that would answer.
    ``options`` go to the workers' command.
    """
    async with embedded_stack(home, durable=False) as stack:
        await migrate(stack.database_url)
        environment = child_environment(settings.storyfork_home, stack)
        found = await ask_workers("trial", environment, "--model", name, *options, seconds=SECONDS, heard=True)
    return [Check(each["purpose"], _STATES[each["word"]], each["detail"], _ADVICE[each["word"]]) for each in found]
