"""Messages about the settings of channels."""

from typing import Final

from bot import ratings
from bot.hearing import switch_of
from bot.messages import Button, Message
from bot.views.base import ViewContext, ViewSpec, in_rows
from db import channels, personas
from db.channels import MODES, ChannelSettings
from db.payloads.channel import ChannelPanel, ChannelTold
from prompts.languages import LANGUAGES
from prompts.safety.rating import parse_rating

_WIDTH: Final = 2
"""Buttons in a row: their labels are long."""


async def panel(view: ViewContext, payload: ChannelPanel) -> Message:
    """Compose what holds in a channel. Its keywords are shown to those who may change them only."""
    settings = await channels.of(payload.conversation)
    here = [await personas.get(view.account_id, each) for each in payload.here]
    lines = [
        view.words(f"channel.mode_{settings.mode}", chance=settings.chance),
        *_of_mode(view, settings, payload),
        view.words("channel.personas", names=", ".join(each.name for each in here)),
        view.words("channel.rating", value=_or_default(view, settings.rating and ratings.label(
            parse_rating(settings.rating), view.words.language))),
        view.words("channel.model", value=_or_default(view, settings.model)),
        view.words("channel.language", value=_or_default(view, LANGUAGES.get(settings.language, settings.language))),
    ]  # fmt: skip
    if payload.saved:
        lines.insert(0, view.words("channel.saved") + "\n")
    if payload.reads is not True:
        lines += ["", view.words(switch_of(view.platform))]
    return Message(
        "\n".join(lines),
        title=view.words("channel.title"),
        buttons=_buttons(view, settings, payload) if payload.manages else (),
        private=True,
        menu=True,
    )


def _of_mode(view: ViewContext, settings: ChannelSettings, payload: ChannelPanel) -> list[str]:
    lines: list[str] = []
    if settings.listens and not settings.told:
        lines.append(view.words("channel.untold"))
    if payload.manages and settings.keywords:
        lines.append(view.words("channel.keywords", words=", ".join(settings.keywords)))
    if settings.quiet_from is not None and settings.quiet_to is not None:
        begin, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (settings.quiet_from, settings.quiet_to))
        lines.append(view.words("channel.quiet", begin=begin, end=end, zone=settings.quiet_zone))
    return lines


def _or_default(view: ViewContext, value: str) -> str:
    return value or view.words("channel.as_place")


def _buttons(view: ViewContext, settings: ChannelSettings, payload: ChannelPanel) -> tuple[tuple[Button, ...], ...]:
    """Return a button for every mode that is possible here."""
    at = (payload.owner, payload.opened)
    possible = [
        mode
        for mode in MODES
        if mode == settings.mode
        or mode == "mention"
        or (payload.reads is True and (mode != "keywords" or settings.keywords))
    ]
    modes = [
        view.button("ch_mode", *at, mode, label=f"ch_{mode}", style="primary" if mode == settings.mode else "secondary")
        for mode in possible
    ]
    return (*(in_rows(modes, _WIDTH) if len(modes) > 1 else ()), (view.button("ch_reset", *at),))


async def told(view: ViewContext, payload: ChannelTold) -> Message | None:
    """Compose what everybody is told of a mode; None if it is not the channel's any more, or was told."""
    settings = await channels.of(payload.conversation)
    if settings.mode != payload.mode or settings.told:
        return None
    return Message(view.words(f"channel.told_{payload.mode}", chance=settings.chance))


async def note_told(payload: ChannelTold) -> None:
    """Let the mode hold from now on."""
    await channels.note_told(payload.conversation, payload.mode)


VIEWS: Final = (ViewSpec(ChannelPanel, panel), ViewSpec(ChannelTold, told, sent=note_told))
