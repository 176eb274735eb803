"""Hooks: a processor of outputs, and a notifier that keeps a journal."""

import json
import os
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from storyfork_dice.function import RollName
from workers.notifiers import OperationalEvent


class Exclaim:
    """Puts an exclamation mark behind the names of throws."""

    name = "dice_exclaim"

    async def process(self, function_name: str, output: BaseModel, inputs: BaseModel) -> BaseModel:
        """Return the output, louder."""
        del function_name, inputs
        return output.model_copy(update={"text": f"{output.text}!"}) if isinstance(output, RollName) else output


class Journal:
    """Appends every event to the file that ``DICE_JOURNAL`` names, a JSON object a line."""

    name = "dice_journal"

    async def notify(self, event: OperationalEvent) -> None:
        """Write one line."""
        if path := os.environ.get("DICE_JOURNAL"):
            line = json.dumps({"event": event.name, "job": event.job_id, "type": event.job_type})
            with Path(path).open("a") as journal:
                journal.write(line + "\n")


EXCLAIM: Final = Exclaim()
JOURNAL: Final = Journal()
