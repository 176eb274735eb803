"""`/model`: the language model that writes for an account; reserved for its managers."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.context import Context, Enquiry
from bot.preferences import PreferenceOption, PreferenceSpec
from db import accounts, heartbeats
from db.errors import NotFound, UserError
from db.payloads.account import ModelChoice
from db.permissions import EVERYBODY

DEFAULT: Final = "default"
"""The value that selects the operator's default."""


async def model(context: Context, values: dict[str, Any]) -> None:
    """Show which model writes here, or choose one."""
    wanted = " ".join(str(values.get("name") or "").split())
    if not wanted:
        choice = ModelChoice(account=context.account_id, conversation=context.conversation_id)
        await context.say(choice, ordered=False, private=True)
    elif wanted.casefold() == DEFAULT:
        await accounts.choose_model(context.account_id, "")
        await context.audit("model", DEFAULT)
        await context.notice("model.reset", private=False)
    else:
        found = await named_model(wanted)
        await accounts.choose_model(context.account_id, found)
        await context.audit("model", found)
        await context.notice("model.saved", private=False, model=found)


async def named_model(wanted: str) -> str:
    """Return a model's name in its workers' spelling. Raises `UserError`."""
    known = await heartbeats.models()
    if known is None:
        raise UserError("model.unreachable")
    if not known:
        raise NotFound("model.none")
    spelled = {name.casefold(): name for name in reversed(known)} | {name: name for name in known}
    found = spelled.get(wanted) or spelled.get(wanted.casefold())
    if found is None:
        raise NotFound("model.unknown", name=wanted, models=", ".join(known))
    return found


async def complete_model(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the text models that workers have."""
    del enquiry
    known = dict.fromkeys((DEFAULT, *(await heartbeats.models() or ())))
    return [(name, name) for name in known if prefix.lower() in name.lower()]


async def read_model(context: Context) -> str:
    """Return the chosen model, "" for the operator's default."""
    return await accounts.chosen_model(context.account_id)


async def write_model(context: Context, value: str) -> None:
    """Choose a model, "" for the operator's default. Raises `UserError`."""
    await accounts.choose_model(context.account_id, await named_model(value) if value else "")


async def model_options(context: Context) -> list[PreferenceOption]:
    """Return the models of the workers."""
    del context
    known = await heartbeats.models() or ()
    return [PreferenceOption("", "settings.usual"), *(PreferenceOption(name) for name in known)]


async def is_model_choosable(context: Context) -> bool:
    """Return whether there is a model to choose."""
    del context
    return bool(await heartbeats.models())


PREFERENCES: Final = (
    PreferenceSpec(
        "model",
        "settings.model",
        "place",
        read_model,
        write_model,
        model_options,
        permission="models",
        help="settings.model_help",
        available=is_model_choosable,
        command="model",
    ),
)
COMMANDS: Final = (
    CommandSpec(
        "model",
        "Show or choose the language model that writes here",
        model,
        (Parameter("name", f"The model, or {DEFAULT}", completes=complete_model, permission="models"),),
        permission=EVERYBODY,
        example=DEFAULT,
    ),
)
