"""The first screen, and what its buttons lead to."""

from typing import Final

from bot.actions.packing import FILL
from bot.actions.start import ANY
from bot.commands.story import GENRES
from bot.messages import Button, Message, Select, SelectOption
from bot.views.base import ViewContext, ViewSpec
from bot.views.picture import outgoing_picture
from db import personas, pictures
from db.payloads.panels import StartPanel
from db.personas.greetings import greetings

Rows = tuple[tuple[Button, ...], ...]
_PRIVACY: Final = "privacy"
_DRAWING: Final = "imagine"
"""The command that the button for drawing fills in."""


async def start(view: ViewContext, payload: StartPanel) -> Message:
    """Compose the first screen or one of its pages."""
    match payload.page:
        case "story":
            return _story(view, payload)
        case "persona":
            return await _persona(view, payload)
        case "chosen":
            return _chosen(view, payload)
        case "hint":
            return Message(view.words("start.hint"), buttons=_buttons(view, payload), menu=True)
        case "home":
            return _home(view, payload)


def _home(view: ViewContext, payload: StartPanel) -> Message:
    lines = [view.words("start.about")]
    if payload.place:
        admins = [view.words("start.admins")]
        if _PRIVACY in view.around.commands:
            admins.append(view.words("start.privacy", name=_PRIVACY))
        lines += [view.words("start.in_a_place"), " ".join(admins)]
    elif payload.listener:
        lines.append(view.words("start.listener", name=payload.listener))
    else:
        lines.append(view.words("start.in_story" if payload.story else "start.begin"))
    return Message(
        "\n".join(lines),
        title=view.words("start.title"),
        buttons=_buttons(view, payload),
        private=not payload.place and view.place != "dm",
        menu=True,
    )


def _buttons(view: ViewContext, payload: StartPanel) -> Rows:
    at = _at(payload)
    first = (
        *((view.button("ideas", *at, ANY, label="begin_story", style="primary"),) if payload.begins else ()),
        *((view.button("meet", *at, 0),) if payload.meets else ()),
        *((view.button(FILL, _DRAWING, label="draw"),) if payload.draws else ()),
    )
    others = (view.button("settings", *at, "person"), view.button("help", *at))
    return (first, others) if first else (others,)


def _story(view: ViewContext, payload: StartPanel) -> Message:
    at, genre = _at(payload), payload.genre or ANY
    numbers = tuple(
        view.button("begin", *at, premise.key, text=str(n), style="primary")
        for n, premise in enumerate(payload.premises, 1)
    )
    genres = [(ANY, view.words("start.any_genre")), *((g, g.capitalize()) for g in GENRES)]
    options = tuple(
        SelectOption(label, view.button("ideas", *at, key).action, word=key, chosen=key == genre)
        for key, label in genres
    )
    return Message(
        "",
        title=view.words("start.story_title"),
        choices=tuple(premise.text for premise in payload.premises),
        selects=(Select(view.words("start.genre"), options),),
        buttons=(
            numbers,
            (view.button("surprise", *at), view.button("own_story", *at, genre)),
            (view.button("ideas", *at, genre, label="other_ideas"), _back(view, payload)),
        ),
        private=view.place != "dm",
        menu=True,
    )


def _chosen(view: ViewContext, payload: StartPanel) -> Message:
    """Compose the page of premises once one is taken; its buttons are gone."""
    taken = next((n for n, p in enumerate(payload.premises, 1) if p.key == payload.chosen), None)
    return Message(
        "" if payload.premises else view.words("start.own_chosen"),
        title=view.words("start.story_title"),
        choices=tuple(premise.text for premise in payload.premises),
        taken=taken,
        private=view.place != "dm",
    )


async def _persona(view: ViewContext, payload: StartPanel) -> Message:
    at = _at(payload)
    persona = await personas.seen(view.account_id, payload.owner, payload.persona)
    picture = None if payload.picture is None else await pictures.find(view.account_id, payload.picture)
    greeting = next(iter(greetings(persona.card)), "")
    turning: tuple[Button, ...] = ()
    if payload.personas > 1:
        neighbours = (("previous", payload.before), ("next", payload.after))
        turning = tuple(view.button("meet", *at, persona_id, label=label) for label, persona_id in neighbours)
    tagline = persona.card.get("tagline")
    lines = [*([f"*{tagline}*"] if tagline else ()), *([f"“{greeting}”"] if greeting else ())]
    if not payload.talks:
        lines.append(view.words("start.no_talk"))
    talk = (view.button("persona", persona.id, label="talk", style="primary"),)
    return Message(
        "\n\n".join(lines),
        title=persona.name,
        footer=view.words("start.persona_number", number=payload.number, count=payload.personas),
        buttons=(
            *((talk,) if payload.talks else ()),
            (*turning, _back(view, payload)),
        ),
        pictures=() if picture is None else (outgoing_picture(picture),),
        private=view.place != "dm",
        menu=True,
    )


def _back(view: ViewContext, payload: StartPanel) -> Button:
    return view.button("start", *_at(payload), label="back")


def _at(payload: StartPanel) -> tuple[int, int]:
    return payload.owner, payload.opened


VIEWS: Final = (ViewSpec(StartPanel, start),)
