"""How an account has its functions and agents sample: part of its settings, as its text model is."""

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from db.agents import AGENTS, FUNCTIONS, KNOBS, MAX_TEMPERATURE, MAX_TOKENS, MIN_TOKENS, MODEL_LENGTH, SamplingChoice
from db.connection import jsonb, row

SETTING: Final = "sampling"
"""The account's setting that holds the choices, by the names of functions and agents."""


async def chosen(account_id: int) -> dict[str, SamplingChoice]:
    """Return an account's choices by the names of functions and agents."""
    found = await row("SELECT settings -> $2 AS sampling FROM accounts WHERE id = $1", account_id, SETTING)
    return {} if found is None else read_choices(found["sampling"])


async def choose(account_id: int, name: str, choice: SamplingChoice) -> None:
    """Change what an account has chosen for a function or an agent; what ``choice`` leaves open stays as it is.

    Raises `ValueError` for a name that the product does not have, or a value out of its bounds.
    """
    given = {knob: value for knob in KNOBS if (value := getattr(choice, knob)) is not None}
    if name not in AGENTS and name not in FUNCTIONS:
        raise ValueError(f"there is no function or agent {name!r}")
    if _valid(given) != choice:
        raise ValueError("a value is out of its bounds")
    await row(
        "UPDATE accounts SET settings = settings || jsonb_build_object($2::text, coalesce(settings -> $2, '{}') "
        "|| jsonb_build_object($3::text, coalesce(settings -> $2 -> $3, '{}') || $4::jsonb)) "
        "WHERE id = $1 RETURNING id",
        account_id, SETTING, name, jsonb(given),
    )  # fmt: skip


async def reset(account_id: int, name: str) -> bool:
    """Forget what an account has chosen for a function or an agent; False if that was nothing."""
    found = await row(
        "UPDATE accounts SET settings = settings #- ARRAY[$2::text, $3::text] "
        "WHERE id = $1 AND settings -> $2 ? $3 RETURNING id",
        account_id, SETTING, name,
    )  # fmt: skip
    return found is not None


def read_choices(value: Any) -> dict[str, SamplingChoice]:
    """Return the choices in an account's setting; what another release wrote in another form is left out."""
    read = json.loads(value) if isinstance(value, str) else value
    if not isinstance(read, Mapping):
        return {}
    found = cast("Mapping[str, Any]", read).items()
    return {
        name: choice
        for name, given in found
        if isinstance(given, Mapping) and not (choice := _valid(cast("Mapping[str, Any]", given))).is_empty
    }


def _valid(given: Mapping[str, Any]) -> SamplingChoice:
    temperature, top_p = _number(given.get("temperature")), _number(given.get("top_p"))
    tokens, model = given.get("max_tokens"), given.get("model")
    return SamplingChoice(
        temperature if temperature is not None and 0 <= temperature <= MAX_TEMPERATURE else None,
        tokens if type(tokens) is int and MIN_TOKENS <= tokens <= MAX_TOKENS else None,
        top_p if top_p is not None and 0 < top_p <= 1 else None,
        model if isinstance(model, str) and 0 < len(model) <= MODEL_LENGTH else None,
    )


def _number(value: Any) -> float | None:
    return float(value) if type(value) in {int, float} else None
