"""`/channel …`: what holds in one channel, group or topic alone, and when the bot speaks there by itself."""

import re
from dataclasses import replace
from typing import Any, Final, cast

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.model import DEFAULT, complete_model, named_model
from bot.commands.persona import complete_persona, persona_meant, use_persona
from bot.context import Context, Enquiry
from bot.hearing import switch_of
from bot.panels import OpenPanel, fresh_panel, private_chat, show_panel
from bot.ratings import label, may_choose
from bot.text.comparing import folded
from bot.time_zones import NAMES
from db import channels, company
from db.channels import MODES, ChannelSettings, Mode
from db.errors import BadInput, NotAllowed
from db.payloads.channel import ChannelPanel, ChannelTold
from db.permissions import EVERYBODY
from prompts.languages import LANGUAGES
from prompts.safety.rating import RATINGS, parse_rating

KEYWORDS: Final = 20
KEYWORD_LENGTH: Final = 60
SUGGESTED: Final = 25
NONE: Final = frozenset({"", "-", "none", "off", "no"})
"""What is typed to have no keywords, or no quiet hours."""
NO_ZONE: Final = "UTC"
"""The time zone of quiet hours for which nobody has chosen one."""
_BETWEEN_WORDS: Final = re.compile(r"[,;\n،、，；]")
_HOURS: Final = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*(?:-|–|—|to)\s*(\d{1,2})(?::(\d{2}))?")
_OFFSET: Final = re.compile(r"(?:utc|gmt)?\s*([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_OFFSET_HOURS: Final = 14
_DAY: Final = 24 * 60
_ORDINARY_HOURS: Final = ("off", "22:00-07:00", "23:00-08:00", "00:00-06:00", "09:00-17:00")


async def show(context: Context, values: dict[str, Any]) -> None:
    """Show what holds here."""
    del values
    await show_channel(context, fresh_panel(context))


async def show_channel(context: Context, panel: OpenPanel, *, reads: bool | None = None, saved: bool = False) -> None:
    """Show what holds here, with buttons for those who may change it.

    ``reads``: what was known when the menu was opened, for a platform that does not say it with every press.
    """
    known = context.event.reads_all
    payload = ChannelPanel(
        owner=panel.owner,
        opened=panel.opened,
        conversation=context.conversation_id,
        here=tuple(each.id for each in await company.present(context.who.conversation)),
        reads=reads if known is None else known,
        manages=context.may("settings"),
        saved=saved,
    )
    await show_panel(context, panel, payload)


async def set_channel(context: Context, values: dict[str, Any]) -> None:
    """Change what holds here; without values, show it."""
    before = await channels.of(context.conversation_id)
    after, names = before, [name for name, value in values.items() if value is not None]
    for name in names:
        if name != "persona":
            after = await _changed(context, after, name, values[name])
    if "zone" not in names and "quiet" in names and before.quiet_zone == NO_ZONE and before.quiet_from is None:
        after = replace(after, quiet_zone=context.who.user.time_zone or NO_ZONE)
    persona = await persona_meant(context, values["persona"]) if "persona" in names else None
    changed = after != before or ("mode" in names and not after.is_told_by(before))
    if changed:
        await store(context, before, after, reads=context.event.reads_all)
        await context.audit("channel_set", " ".join(name for name in names if name != "persona"))
    if persona is None:
        await show_channel(context, fresh_panel(context), saved=changed)
    else:
        await use_persona(context, persona)


async def store(context: Context, before: ChannelSettings, after: ChannelSettings, *, reads: bool | None) -> None:
    """Store what holds here, and tell the channel of a mode that it has not read of.

    Raises `BadInput` for a mode without what it needs, `NotAllowed` for one in which the bot would hear nothing.
    """
    if not after.is_told_by(before):
        if not reads:
            raise NotAllowed(switch_of(context.event.platform))
        await context.tell(
            context.conversation_id, None, ChannelTold(conversation=context.conversation_id, mode=after.mode)
        )
    if after.mode == "keywords" and not after.keywords:
        raise BadInput("channel.no_keywords")
    await channels.save(after)


async def reset(context: Context, values: dict[str, Any]) -> None:
    """Go back to what holds in the whole place."""
    del values
    await clear(context)
    await context.notice("channel.cleared")


async def clear(context: Context) -> None:
    """Delete what was set for this channel."""
    await channels.clear(context.conversation_id)
    await context.audit("channel_reset", str(context.conversation_id))


async def _changed(context: Context, settings: ChannelSettings, name: str, value: Any) -> ChannelSettings:
    """Return the settings with another value of one parameter. Raises `UserError`."""
    match name:
        case "mode":
            return replace(settings, mode=cast("Mode", value))
        case "chance":
            return replace(settings, chance=value)
        case "keywords":
            return replace(settings, keywords=read_keywords(value))
        case "quiet":
            begin, end = read_hours(value)
            return replace(settings, quiet_from=begin, quiet_to=end)
        case "zone":
            return replace(settings, quiet_zone=read_zone(value))
        case "rating":
            return replace(settings, rating=_rating(context, value))
        case "language":
            return replace(settings, language="" if value == DEFAULT else value)
        case _:
            wanted = " ".join(str(value).split())
            return replace(settings, model="" if wanted.casefold() == DEFAULT else await named_model(wanted))


def _rating(context: Context, value: str) -> str:
    if value == DEFAULT:
        return ""
    rating = parse_rating(value)
    if not may_choose(context, rating):
        raise NotAllowed("rating.place_refuses")
    return rating


def read_keywords(text: str) -> tuple[str, ...]:
    """Return the keywords that are typed, each once. Raises `BadInput` for too many, or one that is too long."""
    if text.strip().casefold() in NONE:
        return ()
    words = [" ".join(word.split()) for word in _BETWEEN_WORDS.split(text)]
    found = {folded(word): word for word in words if folded(word).strip()}
    if len(found) > KEYWORDS or any(len(word) > KEYWORD_LENGTH for word in found.values()):
        raise BadInput("channel.bad_keywords", limit=KEYWORDS, length=KEYWORD_LENGTH)
    return tuple(found.values())


def read_hours(text: str) -> tuple[int | None, int | None]:
    """Return the minutes of the day at which quiet hours begin and end; None for none. Raises `BadInput`."""
    if text.strip().casefold() in NONE:
        return None, None
    found = _HOURS.fullmatch(text.strip())
    if found is not None:
        begin, end = (60 * int(found[n]) + int(found[n + 1] or 0) for n in (1, 3))
        whole = all(int(found[n + 1] or 0) < 60 for n in (1, 3)) and max(begin, end) <= _DAY
        if whole and begin % _DAY != end % _DAY:
            return begin % _DAY, end % _DAY
    raise BadInput("channel.bad_hours", value=text[:40])


def read_zone(text: str) -> str:
    """Return a time zone as it is stored: an IANA name, or an offset such as ``+05:30``. Raises `BadInput`."""
    wanted = "_".join(text.split())
    if (known := NAMES.get(wanted.casefold())) is not None:
        return known
    found = _OFFSET.fullmatch(text.strip())
    hours, minutes = (int(found[2]), int(found[3] or 0)) if found is not None else (99, 0)
    if found is None or minutes >= 60 or 60 * hours + minutes > 60 * _OFFSET_HOURS:
        raise BadInput("account.zone_unknown", zone=text[:60])
    return f"{found[1]}{hours:02}:{minutes:02}"


async def complete_hours(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest usual quiet hours."""
    del enquiry
    return [(hours, hours) for hours in _ORDINARY_HOURS if hours.startswith(prefix.strip())]


async def complete_zone(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the person's time zone, and those whose name holds what was typed."""
    own = (await enquiry.who()).user.time_zone
    wanted = "_".join(prefix.split()).casefold()
    first = dict.fromkeys(name for name in (own, "UTC") if name and wanted in name.casefold())
    found = dict.fromkeys([*first, *sorted(name for key, name in NAMES.items() if wanted and wanted in key)])
    return [(name, name) for name in found][:SUGGESTED]


async def _check_place(context: Context) -> None:
    """Raise `NotAllowed` in a private chat, where everything is addressed to the bot."""
    if private_chat(context):
        raise NotAllowed("channel.own_chat")


_MODE_NAMES: Final = {
    "mention": "when addressed",
    "keywords": "when a keyword is said",
    "probability": "now and then",
    "always": "always",
}
COMMANDS: Final = (
    CommandSpec(
        "channel show",
        "Show what holds in this channel alone",
        show,
        permission=EVERYBODY,
        check=_check_place,
        about_reading=True,
    ),
    CommandSpec(
        "channel set",
        "Say when I speak in this channel, and how",
        set_channel,
        (
            Parameter("mode", "When I speak", choices=tuple((_MODE_NAMES[mode], mode) for mode in MODES)),
            Parameter("persona", "Who talks here", completes=complete_persona, permission="use_persona"),
            Parameter("keywords", "For the mode keywords: words, with commas between them; or none", max_length=1000),
            Parameter("chance", "For the mode probability: of 100 messages I answer so many", int, minimum=1,
                      maximum=100),
            Parameter("quiet", "When only to speak if addressed: 22:00-07:00, or off", completes=complete_hours),
            Parameter("zone", "The time zone of these hours: Europe/Berlin, or +05:30", completes=complete_zone),
            Parameter("rating", "What may be written and drawn here",
                      choices=((DEFAULT, DEFAULT), *((label(r), r) for r in RATINGS))),
            Parameter("model", f"The language model that writes here, or {DEFAULT}", completes=complete_model,
                      permission="models"),
            Parameter("language", "The language of what is written here",
                      choices=((DEFAULT, DEFAULT), *((name, tag) for tag, name in LANGUAGES.items()))),
        ),
        permission="settings",
        example="always quiet=22:00-07:00",
        check=_check_place,
        about_reading=True,
    ),
    CommandSpec(
        "channel reset",
        "Let the same hold in this channel as in the whole place",
        reset,
        permission="settings",
        check=_check_place,
    ),
)  # fmt: skip
