"""`/sampling …`: how the writers of an account sample: chance, length, choice of words, model."""

import re
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.model import complete_model, named_model
from bot.context import Context, Enquiry
from db import sampling
from db.agents import AGENTS, FUNCTIONS, MAX_TEMPERATURE, MAX_TOKENS, MIN_TOKENS, SamplingChoice
from db.errors import BadInput, NotFound
from db.payloads.account import SamplingTable
from db.permissions import EVERYBODY

_NUMBER: Final = re.compile(r"\d{1,3}(?:[.,]\d{1,6})?|[.,]\d{1,6}")


async def show(context: Context, values: dict[str, Any]) -> None:
    """Show how everybody who writes here samples."""
    del values
    await context.say(SamplingTable(account=context.account_id), ordered=False, private=True)


async def change(context: Context, values: dict[str, Any]) -> None:
    """Change how a function or an agent samples."""
    name = _known(values["name"])
    model = " ".join(str(values.get("model") or "").split())
    choice = SamplingChoice(
        temperature=_fraction("temperature", values.get("temperature"), 0, MAX_TEMPERATURE),
        max_tokens=values.get("max_tokens"),
        top_p=_fraction("top_p", values.get("top_p"), 0.01, 1),
        model=await named_model(model) if model else None,
    )
    if choice.is_empty:
        raise BadInput("sampling.nothing")
    await sampling.choose(context.account_id, name, choice)
    await context.audit("sampling_set", name)
    await context.notice("sampling.saved", private=False, name=name)


async def reset(context: Context, values: dict[str, Any]) -> None:
    """Go back to how a function or an agent samples by default."""
    name = _known(values["name"])
    dropped = await sampling.reset(context.account_id, name)
    if dropped:
        await context.audit("sampling_reset", name)
    await context.notice("sampling.reset" if dropped else "sampling.not_changed", name=name)


async def complete_name(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest agents and functions."""
    del enquiry
    return [(name, name) for name in (*AGENTS, *FUNCTIONS) if prefix.lower() in name]


def _known(name: str) -> str:
    known = name.strip().lower()
    if known not in AGENTS and known not in FUNCTIONS:
        raise NotFound("sampling.unknown", name=name, names=", ".join((*AGENTS, *FUNCTIONS)))
    return known


def _fraction(name: str, value: Any, least: float, most: float) -> float | None:
    text = str(value or "").strip()
    if not text:
        return None
    number = float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else -1.0
    if not least <= number <= most:
        raise BadInput("sampling.bad_fraction", parameter=name, minimum=f"{least:g}", maximum=f"{most:g}", value=text)
    return number


_NAME: Final = Parameter("name", "Which agent or function", required=True, completes=complete_name)
COMMANDS: Final = (
    CommandSpec("sampling show", "Show how the writers here choose their words", show, permission=EVERYBODY),
    CommandSpec(
        "sampling set",
        "Change how a writer here chooses its words",
        change,
        (
            _NAME,
            Parameter("temperature", f"Chance, from 0 to {MAX_TEMPERATURE:g}"),
            Parameter("max_tokens", "Maximum length of an answer", int, minimum=MIN_TOKENS, maximum=MAX_TOKENS),
            Parameter("top_p", "Share of the likely words, up to 1"),
            Parameter("model", "The language model", completes=complete_model),
        ),
        permission="models",
        example="writer temperature=0.6",
    ),
    CommandSpec("sampling reset", "Go back to the default of a writer", reset, (_NAME,), permission="models"),
)
