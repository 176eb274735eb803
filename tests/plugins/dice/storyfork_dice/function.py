"""The AI function of dice: a name for what was thrown."""

from typing import Any

from pydantic import BaseModel, Field

from workers.engines.text.base import Sampling
from workers.functions.base import AiFunction
from workers.functions.parsing import parse_json


class RollInputs(BaseModel):
    """What was thrown."""

    result: int
    sides: int


class RollName(BaseModel):
    """Its name."""

    text: str = Field(min_length=1, max_length=60)


class DescribeRoll(AiFunction[RollInputs, RollName]):
    """Name a throw."""

    name = "describe_roll"
    prompt = "dice/describe_roll"
    inputs = RollInputs
    answer = RollName
    sampling = Sampling(max_tokens=40, temperature=0.7)

    async def prepare(self, inputs: RollInputs) -> dict[str, Any]:
        """Return result and sides."""
        return inputs.model_dump()

    async def parse(self, text: str, inputs: RollInputs) -> RollName:
        """Read the name."""
        del inputs
        return await parse_json(text, RollName)

    def offline(self, inputs: RollInputs) -> RollName:
        """Name it without a model."""
        return RollName(text="A lucky throw" if 2 * inputs.result > inputs.sides else "A sad throw")
