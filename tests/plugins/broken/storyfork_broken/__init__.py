"""A package whose entry points are all wrong."""

from typing import Final

from bot.commands.base import CommandSpec
from bot.context import Context
from bot.topics import Topic
from db.permissions import EVERYBODY

NOTHING: Final = "not a spec"


async def _do(context: Context, values: dict[str, object]) -> None:
    del context, values


TAKEN: Final = Topic(
    "own stories", commands=(CommandSpec("story new", "Takes a name of the product", _do, permission=EVERYBODY),)
)
