"""Forms: which fields an action asks for. Platforms with dialogs show them at once, others ask field by field."""

from typing import Any, Final

from bot.buttons import Action, BadButton, unpack
from bot.commands.picture import PROMPT_LENGTH
from bot.commands.registry import CommandRegistry, Parameter
from bot.locales import text
from bot.messages import Field, Form
from db.stories import OWN_ACTION_LENGTH

ASKING: Final[dict[str, int]] = {"own": OWN_ACTION_LENGTH, "change": PROMPT_LENGTH}
"""Buttons that ask for a text, and how long it may be."""


def form_of(action: Action, registry: CommandRegistry, given: frozenset[str], language: str) -> Form | None:
    """Return the form that an action opens, without the parameters already ``given``; None if it opens none."""
    if action.verb in ASKING:
        field = Field(
            "text",
            text(f"form.{action.verb}_field", language=language),
            placeholder=text(f"form.{action.verb}_placeholder", language=language),
            multiline=True,
            max_length=ASKING[action.verb],
        )
        return Form(text(f"form.{action.verb}_title", language=language), action.pack(), (field,))
    if action.verb == "fill" and action.args and (spec := registry.at(action.args[0])) is not None:
        missing = [p for p in spec.parameters if p.required and p.name not in given]
        return Form(f"/{spec.name}", action.pack(), tuple(_field(p) for p in missing)) if missing else None
    return None


def draft_form(draft: dict[str, Any], registry: CommandRegistry, language: str = "") -> Form | None:
    """Return what is still to be asked of a form that is asked field by field; None if it is of an older release."""
    try:
        return form_of(unpack(draft["form"]), registry, frozenset(draft["values"]), language)
    except BadButton:
        return None


def _field(parameter: Parameter) -> Field:
    return Field(
        parameter.name,
        parameter.help,
        placeholder=parameter.placeholder,
        multiline=parameter.multiline,
        max_length=parameter.max_length,
    )
