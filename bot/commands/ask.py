"""`/ask`: the language model alone, without a persona, a story or a memory."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.commands.language import story_language
from bot.context import Context
from bot.moderation import offer_help, screen
from bot.ratings import allowed_here
from db import heartbeats
from db.asking import AskModel
from db.errors import BadInput, NotAllowed

QUESTION_LENGTH: Final = 4000


async def ask(context: Context, values: dict[str, Any]) -> None:
    """Have the model answer."""
    await check_that_a_model_answers(context)
    question = str(values["question"]).strip()
    if not question:
        raise BadInput("ask.empty")
    if await offer_help(context, question):
        return
    allowance = allowed_here(context)
    await screen(context, rating=allowance, question=question)
    await context.work(AskModel(question=question, language=story_language(context), allowance=allowance))


async def check_that_a_model_answers(context: Context) -> None:
    """Raise `NotAllowed` if the workers have no language model; the job itself waits for a worker that starts."""
    del context
    if await heartbeats.models() == ():
        raise NotAllowed("ask.no_model")


COMMANDS: Final = (
    CommandSpec(
        "ask",
        "Ask the language model itself, without a persona",
        ask,
        (Parameter("question", "What you want to know", required=True, max_length=QUESTION_LENGTH, multiline=True),),
        check=check_that_a_model_answers,
        permission="chat",
        example="why is the sea salt?",
    ),
)
