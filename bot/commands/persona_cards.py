"""`/persona import` and `/persona export`: character cards of other programs."""

from pathlib import PurePosixPath
from typing import Any, Final, cast

from bot.commands.base import CommandSpec, Parameter
from bot.commands.persona import complete_persona, persona_meant
from bot.commands.uploaded import attached, handed_in
from bot.context import Context
from bot.moderation import screen
from bot.ratings import allowed_here
from db.people import PERSONAL
from db.permissions import EVERYBODY
from db.personas.importing import CardForm, ExportPersona, ImportPersona

FORMS: Final = (
    ("A picture with the card (PNG), for any program", "png"),
    ("Character Card V3 (JSON)", "json"),
    ("Character Card V2 (JSON)", "v2"),
    ("An archive with all files (CHARX)", "charx"),
)


async def import_card(context: Context, values: dict[str, Any]) -> None:
    """Have a card read, and made a persona."""
    upload, name = await handed_in(context, values, "cards")
    await screen(context, title=PurePosixPath(name).stem)
    await context.use("personas")
    visibility = "owner" if context.who.account.kind in PERSONAL else "place"
    await context.work(ImportPersona(upload=upload, visibility=visibility, allowance=allowed_here(context)))


async def export_card(context: Context, values: dict[str, Any]) -> None:
    """Have a persona written as a card."""
    persona = await persona_meant(context, values.get("name"))
    form = cast("CardForm", values.get("form") or "png")
    await context.work(ExportPersona(persona=persona.id, form=form))


COMMANDS: Final = (
    CommandSpec(
        "persona import",
        "Make a persona of a character card",
        import_card,
        (
            Parameter("file", "A card: PNG, JSON or CHARX, at most 20 MB", bytes, accepts="card", store=attached),
        ),
        permission="create_persona",
    ),
    CommandSpec(
        "persona export",
        "Get a persona as a character card for other programs",
        export_card,
        (
            Parameter("name", "The persona's name; by default who talks here", completes=complete_persona),
            Parameter("form", "As what", choices=FORMS),
        ),
        permission=EVERYBODY,
        example="Marlow",
    ),
)  # fmt: skip
