"""How dice are thrown: two steps, a wait for another throw, and what comes after it."""

import os
import random
from typing import Any, ClassVar, Final

from db.connection import row
from storyfork_dice import record
from storyfork_dice.record import DiceRoll, RollKept, RollReady
from workers.functions.engine import CallContext, FunctionEngine
from workers.steps.base import Commit, Run, Step, WaitFor
from workers.workflows.base import Workflow

PATIENCE_S: Final = float(os.environ.get("DICE_PATIENCE_S", "60"))
"""How long a die may be thrown again."""


class ThrowDice(Step):
    """Throw, and name what came."""

    name: ClassVar[str] = "throw_dice"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return result and name."""
        found = await row("SELECT sides FROM dice.rolls WHERE id = $1", run.parameters(DiceRoll).roll)
        assert found is not None
        result = random.randint(1, found["sides"])
        inputs = {"result": result, "sides": found["sides"]}
        named = await FunctionEngine(run.services).run_named(
            "describe_roll", inputs, CallContext(run.tracker, run.job.account_id)
        )
        return {"result": result, **named.model_dump()}


class PublishRoll(Commit):
    """Keep the result and show it."""

    name: ClassVar[str] = "publish_roll"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return nothing of interest."""
        roll, thrown = run.parameters(DiceRoll).roll, run.outputs[ThrowDice.name]
        await record.settle(roll, thrown["result"], thrown["text"])
        await run.reply(RollReady(roll=roll))
        return {}


class SettleRoll(Commit):
    """After the wait: say that the result stands, though no event asks for it, unless it was thrown again."""

    name: ClassVar[str] = "settle_roll"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return what came of the wait."""
        if run.outputs["throw_again"].get("kept"):
            await run.send(RollKept(roll=run.parameters(DiceRoll).roll), part="kept")
        return dict(run.outputs["throw_again"])


class Roll(Workflow):
    """Throw dice; they may be thrown again for a while."""

    name: ClassVar[str] = DiceRoll.type
    steps = ("throw_dice", "publish_roll", WaitFor("throw_again", PATIENCE_S, default={"kept": True}), "settle_roll")
