"""Buttons of personas."""

from collections.abc import Mapping
from typing import Final

from bot.actions.base import ActionSpec, Arg, FormSpec
from bot.commands.persona import show_card, show_list, use_persona
from bot.commands.persona_making import (
    ask_to_delete,
    change,
    copy_persona,
    judge,
    require_change,
    set_visibility,
    unshare,
)
from bot.commands.picture import portray
from bot.context import Context
from bot.panels import PANEL_ARGS, fresh_panel, pressed_panel
from bot.persona_fields import LONGEST, field_named
from db import personas
from db.errors import BadInput
from db.payloads.persona import DeletePersona
from db.permissions import EVERYBODY
from db.personas import Persona

_PERSONA: Final = Arg("persona")


async def _seen(context: Context, persona: int) -> Persona:
    return await personas.seen(context.account_id, context.user_id, persona)


async def use(context: Context, persona: int) -> None:
    """Make a persona the active one in this conversation."""
    await use_persona(context, await _seen(context, persona))


async def portrait(context: Context, persona: int) -> None:
    """Draw a persona."""
    await portray(context, await _seen(context, persona))


async def listed(context: Context, owner: int, opened: int, start: int) -> None:
    """List the personas from one on."""
    await show_list(context, await pressed_panel(context, owner, opened), start)


async def show(context: Context, owner: int, opened: int, persona: int) -> None:
    """Show a persona."""
    await show_card(context, await pressed_panel(context, owner, opened), await _seen(context, persona))


async def edit(context: Context, owner: int, opened: int, persona: int) -> None:
    """Show what can be changed of a persona."""
    panel = await pressed_panel(context, owner, opened)
    await show_card(context, panel, await require_change(context, persona), edit=True)


async def set_field(
    context: Context, values: Mapping[str, str], owner: int, opened: int, persona: int, field: str
) -> None:
    """Set a field of a persona."""
    panel = await pressed_panel(context, owner, opened)
    await change(context, panel, persona, {field_named(field): values.get("text", "")})


async def check_field(context: Context, owner: int, opened: int, persona: int, field: str) -> None:
    """Refuse the form to who may not change the persona, and for a text that no form could hold."""
    await pressed_panel(context, owner, opened)
    found = await require_change(context, persona)
    asked = field_named(field)
    if len(asked.written(found.card)) > asked.length:
        raise BadInput("persona.too_long_to_edit", limit=LONGEST)


async def present(context: Context, owner: int, opened: int, persona: int, field: str) -> Mapping[str, str]:
    """Return how a field reads now."""
    await pressed_panel(context, owner, opened)
    asked = field_named(field)
    return {"text": asked.written((await require_change(context, persona)).card)}


def field_form(owner: int, opened: int, persona: int, field: str) -> FormSpec:
    """Return the form for a field."""
    del owner, opened, persona
    return FormSpec("persona.field_title", (field_named(field).asked(),), prefill=present)


async def undo(context: Context, owner: int, opened: int, persona: int) -> None:
    """Take back the last change of a persona."""
    panel = await pressed_panel(context, owner, opened)
    now = await personas.undo(context.account_id, context.user_id, persona, moderate=context.may("moderate"))
    await context.audit("persona_edit", str(persona))
    await judge(context, now)
    await show_card(context, panel, now, edit=True, done="persona.undone")


async def see(context: Context, owner: int, opened: int, persona: int, seen: str) -> None:
    """Set who sees a persona."""
    await set_visibility(context, await pressed_panel(context, owner, opened), persona, seen)


async def copy(context: Context, owner: int, opened: int, persona: int) -> None:
    """Copy a persona, as the person's own."""
    panel = await pressed_panel(context, owner, opened)
    await copy_persona(context, panel, await _seen(context, persona))


async def take(context: Context, code: str) -> None:
    """Take a copy of the persona that somebody has shared."""
    await copy_persona(context, fresh_panel(context), await personas.shared(code))


async def stop_sharing(context: Context, persona: int) -> None:
    """Take a persona's link back."""
    await unshare(context, persona)


async def ask_delete(context: Context, owner: int, opened: int, persona: int) -> None:
    """Ask whether to delete a persona."""
    await pressed_panel(context, owner, opened)
    await ask_to_delete(context, persona)


async def delete(context: Context, persona: int) -> None:
    """Delete a persona; its chats stay."""
    gone = await personas.remove(context.account_id, context.user_id, persona, moderate=context.may("moderate"))
    await context.audit("persona_delete", str(persona))
    assert gone.account_id is not None
    await context.say(DeletePersona(account=gone.account_id, persona=gone.id, gone=True), ordered=False, private=True)


async def restore(context: Context, persona: int) -> None:
    """Bring a deleted persona back."""
    back = await personas.restore(context.account_id, context.user_id, persona, moderate=context.may("moderate"))
    await context.audit("persona_create", str(persona))
    await show_card(context, fresh_panel(context), back, done="persona.restored")


_SHOWN: Final = (*PANEL_ARGS, _PERSONA)
ACTIONS: Final = (
    ActionSpec("persona", use, (_PERSONA,), permission="use_persona"),
    ActionSpec("portrait", portrait, (_PERSONA,), permission="imagine"),
    ActionSpec("p_list", listed, (*PANEL_ARGS, Arg("start", "number")), permission=EVERYBODY),
    ActionSpec("p_show", show, _SHOWN, permission=EVERYBODY),
    ActionSpec("p_edit", edit, _SHOWN, permission="create_persona"),
    ActionSpec(
        "p_field",
        set_field,
        (*_SHOWN, Arg("field", "name")),
        form=field_form,
        check=check_field,
        permission="create_persona",
    ),
    ActionSpec("p_undo", undo, _SHOWN, permission="create_persona"),
    ActionSpec("p_see", see, (*_SHOWN, Arg("seen", "name")), permission="create_persona"),
    ActionSpec("p_copy", copy, _SHOWN, permission="create_persona"),
    ActionSpec("p_take", take, (Arg("code", "name"),), permission="create_persona"),
    ActionSpec("p_unshare", stop_sharing, (_PERSONA,), permission="share"),
    ActionSpec("p_delete", ask_delete, _SHOWN, permission="create_persona"),
    ActionSpec("p_gone", delete, (_PERSONA,), permission="create_persona"),
    ActionSpec("p_back", restore, (_PERSONA,), permission="create_persona"),
)
