"""`/persona generate`, `bio`, `expand`: what a model writes of personas."""

from typing import Any, Final, Literal, cast

from bot.commands.base import CommandSpec, Parameter
from bot.commands.language import story_language
from bot.commands.persona import NAME, persona_meant
from bot.commands.persona_making import require_change, usual_visibility
from bot.context import Context
from bot.moderation import screen
from bot.ratings import allowed_here
from db.personas.writing import MakeUpPersona, RewritePersonaJob
from prompts.safety.rating import lowest, parse_rating

HINT_LENGTH: Final = 300


async def generate(context: Context, values: dict[str, Any]) -> None:
    """Have a persona made up."""
    hint, name = str(values.get("hint") or "").strip(), str(values.get("name") or "").strip()
    await screen(context, hint=hint, name=name)
    await context.use("personas")
    await context.work(
        MakeUpPersona(
            hint=hint,
            name=name,
            language=story_language(context),
            visibility=cast("Literal['owner', 'place']", usual_visibility(context)),
            allowance=allowed_here(context),
            talks=context.may("use_persona"),
        )
    )


async def bio(context: Context, values: dict[str, Any]) -> None:
    """Have the description of a persona written anew."""
    await _rewrite(context, values, "bio")


async def expand(context: Context, values: dict[str, Any]) -> None:
    """Have written what a persona lacks."""
    await _rewrite(context, values, "expand")


async def _rewrite(context: Context, values: dict[str, Any], task: Literal["bio", "expand"]) -> None:
    persona = await require_change(context, (await persona_meant(context, values.get("name"))).id)
    wish = str(values.get("wish") or "").strip()
    await screen(context, wish=wish)
    await context.work(
        RewritePersonaJob(
            persona=persona.id,
            task=task,
            wish=wish,
            language=str(persona.card.get("language") or "") or story_language(context),
            allowance=lowest(parse_rating(persona.card.get("rating")), allowed_here(context)),
            moderates=context.may("moderate"),
            talks=context.may("use_persona"),
        )
    )


_WISH: Final = Parameter("wish", "What it should be like", max_length=HINT_LENGTH)
COMMANDS: Final = (
    CommandSpec(
        "persona generate",
        "Have a persona made up",
        generate,
        (
            Parameter("hint", "What kind of person: fitness, tech, a baker who sings …", max_length=HINT_LENGTH),
            Parameter("name", "What they are called", max_length=60),
        ),
        permission="create_persona",
        example="a baker who sings",
    ),
    CommandSpec(
        "persona bio", "Have who they are written anew", bio, (NAME, _WISH), permission="create_persona", example="Mira"
    ),
    CommandSpec(
        "persona expand",
        "Have written what a persona lacks",
        expand,
        (NAME, _WISH),
        permission="create_persona",
        example="Mira",
    ),
)
