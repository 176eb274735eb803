"""Messages of personas."""

from collections.abc import Sequence
from typing import Final

from bot.links import link_payload
from bot.messages import Button, Message
from bot.persona_fields import CARD_FIELDS, CardField, short_name
from bot.text.splitting import shortened
from bot.views.base import ViewContext, ViewSpec, in_rows, select_of, turns
from bot.views.chat import edited_note, swipes
from bot.views.faces import face_of, portrait_of
from bot.views.picture import outgoing_picture
from db import bots, chat_turns, personas
from db.errors import NotFound
from db.payloads.persona import DeletePersona, Greeting, PersonaLink, PersonaList, PersonaShown, SharedPersona
from db.personas import Persona
from db.personas.greetings import greetings

LISTED: Final = 10
"""Personas on a page of the list."""
NAME: Final = 60
"""Characters of a name on a button or in a list."""
SHOWN: Final = 700
"""Characters of a field that are shown."""
BRIEFLY: Final = 90
"""Characters of a field in the menu to change it."""
LINK: Final = "persona"


async def persona_list(view: ViewContext, payload: PersonaList) -> Message:
    """Compose a page of the list of personas."""
    found = await personas.known(
        view.account_id, payload.owner, adults=payload.adults, most=LISTED + 1, skip=payload.start
    )
    at = (payload.owner, payload.opened)
    if not found:
        return Message(view.words("persona.none"), private=True, menu=True)
    shown = found[:LISTED]
    pages = turns(view, "p_list", at, payload.start, LISTED, more=len(found) > LISTED)
    return Message(
        "\n".join(
            view.words("persona.list_line", name=shortened(p.name, NAME), tagline=_tagline(p)).rstrip(": ")
            for p in shown
        ),
        title=view.words("persona.list_title"),
        footer=" ".join(filter(None, (await _here(view, payload), view.words("persona.list_footer")))),
        buttons=(
            *in_rows([view.button("p_show", *at, p.id, text=shortened(p.name, NAME)) for p in shown]),
            *((pages,) if pages else ()),
        ),
        private=view.place != "dm",
        menu=True,
    )


async def _here(view: ViewContext, payload: PersonaList) -> str:
    """Return who talks in the conversation, if several do."""
    if len(payload.here) < 2:
        return ""
    names: list[str] = []
    for persona in payload.here:
        name = shortened((await personas.get(view.account_id, persona)).name, NAME)
        names.append(view.words("company.called", name=name) if persona in payload.called else name)
    return view.words("company.here", names=", ".join(names))


async def persona_shown(view: ViewContext, payload: PersonaShown) -> Message:
    """Compose a persona, or the menu to change it."""
    try:
        persona = await personas.seen(view.account_id, payload.owner, payload.persona, moderate=payload.moderates)
    except NotFound:
        return Message(view.words("persona.unknown"), private=True)
    if payload.page == "edit":
        return await _edited(view, payload, persona)
    at = (payload.owner, payload.opened, persona.id)
    changes = personas.may_change(persona, view.account_id, payload.owner, moderate=payload.moderates)
    first = [
        *([view.button("persona", persona.id, label="talk", style="primary")] if payload.talks else ()),
        *([view.button("p_edit", *at)] if changes else ()),
        view.button("p_copy", *at),
        view.button("portrait", persona.id),
        *([view.button("p_delete", *at, style="danger")] if changes else ()),
    ]
    lines = [_done(view, payload), *(_field_line(view, persona, f, SHOWN) for f in CARD_FIELDS.values())]
    portrait = await portrait_of(view.account_id, persona.id)
    return Message(
        "\n\n".join(filter(None, lines)),
        title=shortened(persona.name, NAME),
        footer=_whose(view, payload, persona),
        buttons=(*in_rows(first), (view.button("p_list", *at[:2], 0, label="p_all"),)),
        pictures=() if portrait is None else (outgoing_picture(portrait),),
        private=view.place != "dm",
        menu=True,
    )


async def _edited(view: ViewContext, payload: PersonaShown, persona: Persona) -> Message:
    at = (payload.owner, payload.opened, persona.id)
    lists: dict[bool, list[Button]] = {False: [], True: []}
    for field in CARD_FIELDS.values():
        shown = view.button("p_field", *at, short_name(field), text=view.words(field.label))
        lists[bool(field.part)].append(shown)
    known = await personas.revisions(view.account_id, payload.owner, persona.id, moderate=payload.moderates)
    seen_by = [
        view.button("p_see", *at, seen, label=f"p_see_{seen}")
        for seen in ("owner", "place", "service")
        if seen != persona.visibility
    ]
    last = [*([view.button("p_undo", *at)] if known else ()), view.button("p_show", *at, label="back")]
    lines = [_done(view, payload), *(_field_line(view, persona, f, BRIEFLY) for f in CARD_FIELDS.values())]
    return Message(
        "\n".join(filter(None, lines)),
        title=shortened(persona.name, NAME),
        footer=view.words(f"persona.seen_by_{persona.visibility}"),
        selects=(
            select_of(view.words("persona.choose_field"), lists[False]),
            select_of(view.words("persona.choose_look"), lists[True]),
        ),
        buttons=(tuple(seen_by), tuple(last)),
        private=view.place != "dm",
        menu=True,
    )


def _done(view: ViewContext, payload: PersonaShown) -> str:
    return f"*{view.words(payload.done)}*" if payload.done else ""


def _field_line(view: ViewContext, persona: Persona, field: CardField, most: int) -> str:
    """Return a field with its label; empty if the persona has nothing there."""
    if field.name in {"name", "rating"}:
        return ""
    value = field.of(persona.card)
    text = ", ".join(map(str, value)) if field.kind == "list" else field.written(persona.card)
    if not text.strip():
        return ""
    return f"**{view.words(field.label)}:** {shortened(' '.join(text.split()), most)}"


def _whose(view: ViewContext, payload: PersonaShown, persona: Persona) -> str:
    """Return whose a persona is, and that others do not see it yet."""
    if persona.account_id is None:
        return view.words("persona.of_product")
    if persona.owner_id != payload.owner:
        return view.words("persona.of_others", id=persona.id)
    state = "" if persona.verdict == "checked" else view.words(f"persona.is_{persona.verdict}")
    return f"{view.words('persona.of_you', id=persona.id)} {state}".strip()


def _tagline(persona: Persona) -> str:
    told: str = persona.card.get("tagline") or persona.card.get("description") or ""
    return shortened(" ".join(told.split()), BRIEFLY)


async def delete_persona(view: ViewContext, payload: DeletePersona) -> Message | None:
    """Compose the question whether to delete a persona, and what to do if that was a mistake."""
    try:
        persona = await personas.get(payload.account, payload.persona)
    except NotFound:
        return Message(view.words("persona.unknown"), private=True)
    if payload.gone:
        back: Sequence[Button] = (view.button("p_back", persona.id),)
        return Message(view.words("persona.deleted", name=persona.name), buttons=(tuple(back),), private=True)
    return Message(
        view.words("persona.delete_ask", name=persona.name),
        buttons=(
            (view.button("p_gone", persona.id, label="delete", style="danger"), view.button("unwipe", label="keep")),
        ),
        private=True,
    )


async def persona_link(view: ViewContext, payload: PersonaLink) -> Message:
    """Compose the link by which others may copy a persona."""
    try:
        persona = await personas.seen(view.account_id, payload.user, payload.persona)
    except NotFound:
        persona = None
    if persona is None or not persona.share_code:
        return Message(view.words("persona.link_gone"), private=True)
    code = link_payload(LINK, persona.share_code)
    links = [link + code for link in (await bots.start_links()).values()]
    waits = "" if persona.verdict == "checked" else view.words("persona.is_unchecked")
    return Message(
        "\n".join(filter(None, (view.words("persona.link", name=persona.name, code=code), *links, waits))),
        buttons=((view.button("p_unshare", persona.id),),),
        private=True,
    )


async def shared_persona(view: ViewContext, payload: SharedPersona) -> Message:
    """Compose a persona that somebody was given a link to."""
    try:
        persona = await personas.shared(payload.code)
    except NotFound:
        return Message(view.words("persona.link_gone"), private=True)
    lines = [_field_line(view, persona, field, SHOWN) for field in CARD_FIELDS.values()]
    return Message(
        "\n\n".join(filter(None, lines)),
        title=shortened(persona.name, NAME),
        footer=view.words("persona.shared_footer"),
        buttons=((view.button("p_take", payload.code, style="primary"),),),
        private=True,
    )


async def greeting(view: ViewContext, payload: Greeting) -> Message:
    """Compose a persona's first words, with the others that it has."""
    found = None if payload.message is None else await chat_turns.shown(payload.account, payload.message)
    persona = await personas.get(payload.account, payload.persona) if found is None else found.persona
    text = "" if found is None else found.message.text
    edits = () if found is None else (view.button("edit", found.message.id),)
    own = text or next(iter(greetings(persona.card)), "")
    said = own or view.words("chat.nothing", name=persona.name)
    return Message(
        f"{said}\n\n*{view.words('chat.reset', name=persona.name)}*" if payload.forgot else said,
        # Who has no first words does not speak of themselves as of somebody else.
        speaker=persona.name if own else "",
        face=face_of(payload.account, persona.id, payload.message),
        footer=" ".join(filter(None, (view.words("chat.begun") if payload.begun else "", edited_note(view, found)))),
        buttons=((*swipes(view, found), *edits, view.button("portrait", persona.id)),),
    )


VIEWS: Final = (
    ViewSpec(PersonaList, persona_list),
    ViewSpec(PersonaShown, persona_shown),
    ViewSpec(DeletePersona, delete_persona),
    ViewSpec(PersonaLink, persona_link),
    ViewSpec(SharedPersona, shared_persona),
    ViewSpec(Greeting, greeting),
)
