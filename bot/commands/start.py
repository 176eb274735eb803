"""`/start`: the first screen, from which everything can be reached, and what a link leads to."""

import hashlib
from random import SystemRandom
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.commands.story import begin
from bot.context import Context
from bot.links import PAYLOAD_LENGTH, LinkRegistry
from bot.panels import ANYBODY, OpenPanel, fresh_panel, private_chat, show_panel
from bot.ratings import allowed_here, may_choose
from db import company, heartbeats, outbox, personas, pictures
from db.conversations import DEFAULT_MODE
from db.errors import NotFound
from db.payloads.panels import OfferedPremise, StartPanel
from db.permissions import EVERYBODY, Permission
from prompts.premises import Premise, make_premises
from prompts.safety.rating import exceeds, parse_rating

OFFERED: Final = 3
"""Premises on one page."""
REMEMBERED: Final = 30
"""Premises of a panel that do not come again in it."""
_random: Final = SystemRandom()


def start_command(links: LinkRegistry) -> CommandSpec:
    """Return the command; it opens the links of all topics."""

    async def start(context: Context, values: dict[str, Any]) -> None:
        payload = str(values.get("link") or "").strip()
        if not payload:
            await show_home(context, fresh_panel(context))
            return
        found = links.read(payload)
        if found is None:
            await context.notice("start.unknown_link")
            await show_home(context, fresh_panel(context), part="start")
            return
        spec, rest = found
        await spec.handler(context, rest)

    return CommandSpec(
        "start",
        "Show what there is to do here",
        start,
        (Parameter("link", "The code from a link, if one brought you here", max_length=PAYLOAD_LENGTH),),
        permission=EVERYBODY,
    )


async def show_home(
    context: Context, panel: OpenPanel, *, page: str = "home", part: str = outbox.REPLY, shared: bool = False
) -> None:
    """Show the first screen. ``shared``: for everybody here; ``part`` as in `Context.say`."""

    def offered(command: str, permission: Permission) -> bool:
        return not context.switched_off(command) and (shared or context.may(permission))

    payload = StartPanel(
        owner=ANYBODY if shared else panel.owner,
        opened=panel.opened,
        page="hint" if page == "hint" else "home",
        place=shared,
        draws=offered("imagine", "imagine") and not await heartbeats.missing_for_pictures(),
        begins=offered("story new", "start"),
        meets=not context.switched_off("persona"),
        listener=await _listener(context) if _is_chat(context) else "",
        story=private_chat(context) and not _is_chat(context),
    )
    if shared or part != outbox.REPLY:
        await context.say(payload, part=part, ordered=False)
    else:
        await show_panel(context, panel, payload)


def _is_chat(context: Context) -> bool:
    """Return whether plain text goes to a persona here without a mention."""
    return private_chat(context) and context.who.conversation.mode == DEFAULT_MODE


async def _listener(context: Context) -> str:
    """Return the name of the persona who answers plain text here."""
    try:
        return ", ".join(each.name for each in await company.present(context.who.conversation))
    except NotFound:
        return ""


async def show_ideas(context: Context, panel: OpenPanel, genre: str) -> None:
    """Show fresh premises, none of which the panel has shown before."""
    shown = [*_offered(panel), *_earlier(panel)][:REMEMBERED]
    made = make_premises(OFFERED, _random, genre, [p.text for p in shown])
    payload = StartPanel(
        owner=panel.owner,
        opened=panel.opened,
        page="story",
        genre=genre,
        premises=[OfferedPremise(key=_key(p), text=p.text, genre=p.genre) for p in made],
        earlier=shown,
    )
    await show_panel(context, panel, payload)


async def begin_offered(context: Context, panel: OpenPanel, key: str) -> None:
    """Begin the story of an offered premise; if it is not known any more, offer others."""
    premise = next((p for p in _offered(panel) if p.key == key), None)
    if premise is None:
        await show_ideas(context, panel, "")
        return
    await begin_story(context, panel, premise.text, premise.genre, _offered(panel), key)


async def begin_story(
    context: Context, panel: OpenPanel, premise: str, genre: str, offered: list[OfferedPremise], chosen: str
) -> None:
    """Begin a story; the panel shows which one was chosen."""
    if panel.row is not None:
        await context.change_pressed(
            StartPanel(owner=panel.owner, opened=panel.opened, page="chosen", premises=offered, chosen=chosen)
        )
    await begin(context, {"premise": premise, "genre": genre})


async def begin_any(context: Context, panel: OpenPanel) -> None:
    """Begin a story that nobody has chosen."""
    (made,) = make_premises(1, _random)
    premise = OfferedPremise(key=_key(made), text=made.text, genre=made.genre)
    await begin_story(context, panel, made.text, made.genre, [premise], premise.key)


async def show_persona(context: Context, panel: OpenPanel, persona_id: int) -> None:
    """Show a persona as a card, the first one if there is none of that id."""
    known = await personas.known(context.account_id, context.user_id, adults=may_choose(context, "nsfw"))
    if not known:
        raise NotFound("persona.none")
    at = next((n for n, p in enumerate(known) if p.id == persona_id), 0)
    picture = await pictures.portrait(context.account_id, known[at].id)
    if picture is not None and exceeds(parse_rating(picture.rating), allowed_here(context)):
        picture = None
    payload = StartPanel(
        owner=panel.owner,
        opened=panel.opened,
        page="persona",
        persona=known[at].id,
        before=known[at - 1].id,
        after=known[(at + 1) % len(known)].id,
        number=at + 1,
        personas=len(known),
        picture=None if picture is None else picture.id,
        talks=context.may("use_persona"),
    )
    await show_panel(context, panel, payload)


def _offered(panel: OpenPanel) -> list[OfferedPremise]:
    return [OfferedPremise.model_validate(p) for p in panel.payload.get("premises") or ()]


def _earlier(panel: OpenPanel) -> list[OfferedPremise]:
    return [OfferedPremise.model_validate(p) for p in panel.payload.get("earlier") or ()]


def _key(premise: Premise) -> str:
    return hashlib.sha256(premise.text.encode()).hexdigest()[:10]
