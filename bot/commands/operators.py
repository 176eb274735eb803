"""`/operator …`: who may use the bot, and what is switched off; reserved for the operators of the service."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.context import Context, Enquiry
from bot.targets import read_end, read_target
from db import access, announcements, audit, jobs, moderation, people, switches
from db.access import Target
from db.connection import transaction
from db.errors import BadInput, NotAllowed, NotFound
from db.payloads.operators import AccessChanged, AccessList, AnnouncementDraft
from db.permissions import EVERYBODY
from db.work import Failure

REASON_LENGTH: Final = 300
MESSAGE_LENGTH: Final = 1000
ANNOUNCEMENT_LENGTH: Final = 1500
STOPPED: Final = 100
"""Open jobs of somebody who is banned that are stopped in one transaction; limits keep people far below."""
_SUGGESTED: Final = 25
_ON: Final = frozenset({"on", "yes", "true", "1"})
_OFF: Final = frozenset({"off", "no", "false", "0"})


async def ban(context: Context, values: dict[str, Any]) -> None:
    """Ban a person, a server or a group, until an end or for ever; their open jobs are stopped."""
    target, rest = await read_target(context, values["who"])
    end, rest = read_end(rest)
    if values.get("until"):
        end, left = read_end(values["until"])
        if left:
            raise BadInput("operators.bad_end", value=values["until"][:60])
    reason = str(values.get("reason") or rest).strip()
    if len(reason) > REASON_LENGTH:
        raise BadInput("command.too_long", parameter="reason", length=len(reason), limit=REASON_LENGTH)
    await _refuse_operators(context, target)
    if context.event.user.anonymous and target.external_id == context.event.user.external_id:
        raise BadInput("operators.nobody", name=values["who"][:60])
    rule = await access.put("banned", target, by=context.user_id, reason=reason, ends_at=end)
    stopped = await _stop_jobs(context, target)
    ends = "" if end is None else end.isoformat(timespec="minutes")
    await _note(context, "ban", target, {"until": ends, "jobs": stopped})
    await context.say(AccessChanged(rule=rule.id, jobs=stopped), ordered=False, private=True)


async def unban(context: Context, values: dict[str, Any]) -> None:
    """Lift a ban, or end the wait that strikes cost."""
    target, _ = await read_target(context, values["who"])
    waited = target.user_id is not None and await moderation.end_cooldown(target.user_id)
    if waited:
        await _note(context, "unpause", target)
    if await access.remove("banned", target):
        await _note(context, "unban", target)
        await context.notice("operators.unbanned", id=_shown(target))
    elif waited:
        await context.notice("operators.unpaused", id=_shown(target))
    else:
        raise NotFound("operators.no_ban", id=_shown(target))


async def bans(context: Context, values: dict[str, Any]) -> None:
    """List the bans."""
    del values
    await context.say(AccessList(verdict="banned"), ordered=False, private=True)


async def allow(context: Context, values: dict[str, Any]) -> None:
    """Put a person or a place on the list of those who may use the bot; without one, show the list."""
    if not str(values.get("who") or "").strip():
        await context.say(AccessList(verdict="allowed"), ordered=False, private=True)
        return
    target, reason = await read_target(context, values["who"])
    rule = await access.put("allowed", target, by=context.user_id, reason=reason[:REASON_LENGTH])
    await _note(context, "allow", target)
    await context.say(AccessChanged(rule=rule.id), ordered=False, private=True)


async def disallow(context: Context, values: dict[str, Any]) -> None:
    """Take a person or a place off the list."""
    target, _ = await read_target(context, values["who"])
    if not await access.remove("allowed", target):
        raise NotFound("operators.not_listed", id=_shown(target))
    await _note(context, "disallow", target)
    await context.notice("operators.disallowed", id=_shown(target))


async def switch(context: Context, values: dict[str, Any]) -> None:
    """Switch a command, or a group of commands, off or on again for everybody but operators."""
    named, state = str(values["command"]).strip(), str(values.get("state") or "")
    if not state:
        named, _, state = named.rpartition(" ")
    if not named:
        raise BadInput("command.missing", parameter="state", help="on or off")
    on = _read_state(state)
    if not (name := context.commands.named(named)):
        raise NotFound("operators.no_command", name=named[:60])
    if context.commands.is_fixed(name):
        raise NotAllowed("operators.not_switchable", name=name)
    if on:
        changed = await switches.clear(switches.of_command(name))
    else:
        await switches.set_switch(switches.of_command(name), by=context.user_id)
        changed = True
    if changed:
        await audit.note("switch", user_id=context.user_id, subject=name, details={"state": "on" if on else "off"})
    await context.notice("operators.switched_on" if on else "operators.switched", name=name)


async def maintenance(context: Context, values: dict[str, Any]) -> None:
    """Refuse new work, with a message, or take it again."""
    state, _, rest = str(values["state"]).strip().partition(" ")
    on, message = _read_state(state), str(values.get("message") or rest).strip()
    if len(message) > MESSAGE_LENGTH:
        raise BadInput("command.too_long", parameter="message", length=len(message), limit=MESSAGE_LENGTH)
    if on:
        await switches.set_switch(switches.MAINTENANCE, by=context.user_id, message=message)
    else:
        await switches.clear(switches.MAINTENANCE)
    await audit.note("maintenance", user_id=context.user_id, details={"state": "on" if on else "off"})
    await context.notice("operators.maintenance_on" if on else "operators.maintenance_off")


async def announce(context: Context, values: dict[str, Any]) -> None:
    """Ask whether to send an announcement to all places."""
    text = str(values["text"]).strip()
    listed_only = context.policy.access == "listed"
    made = await announcements.draft(text, listed_only=listed_only, by=context.user_id)
    await context.say(AnnouncementDraft(announcement=made), ordered=False, private=True)


async def _refuse_operators(context: Context, target: Target) -> None:
    """Raise `NotAllowed` for an operator, by any of their identities."""
    names = {f"{target.platform}:{target.external_id}"}
    if target.user_id is not None:
        names |= {f"{i.platform}:{i.external_id}" for i in await people.identities_of(target.user_id)}
    if target.subject == "user" and (names & context.policy.operators or target.user_id == context.user_id):
        raise NotAllowed("operators.is_operator", id=_shown(target))


async def _stop_jobs(context: Context, target: Target) -> int:
    """Stop what is open, undo what it promised and say so; returns how many jobs that were."""
    stopped = 0
    for job_id in await access.open_jobs(target, STOPPED):
        try:
            async with transaction():  # a savepoint
                abandoned = await jobs.abandon(job_id, Failure("operators.stopped"))
        except NotFound:
            continue  # it has just ended, or waits for a choice
        await context.answer_for(abandoned)
        stopped += 1
    return stopped


async def _note(context: Context, action: str, target: Target, details: dict[str, Any] | None = None) -> None:
    await audit.note(action, user_id=context.user_id, subject=_shown(target), details=details)


def _shown(target: Target) -> str:
    return f"{target.platform}:{target.external_id}"


def _read_state(word: str) -> bool:
    """Return whether a word says on. Raises `BadInput`."""
    folded = word.strip().casefold()
    if folded not in _ON | _OFF:
        raise BadInput("operators.on_or_off", value=word.strip()[:60])
    return folded in _ON


async def complete_command(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest commands and groups of commands."""
    names = sorted({*enquiry.commands.names, *enquiry.commands.group_names()})
    return [(name, name) for name in names if prefix.lower().lstrip("/") in name][:_SUGGESTED]


async def complete_ban(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest who is banned."""
    del enquiry
    return _suggested(await access.listed("banned"), prefix)


async def complete_listed(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest who is on the list."""
    del enquiry
    return _suggested(await access.listed("allowed"), prefix)


async def complete_state(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest on and off."""
    del enquiry
    return [(state, state) for state in ("on", "off") if state.startswith(prefix.lower())]


def _suggested(rules: list[access.AccessRule], prefix: str) -> list[Suggestion]:
    named = [(f"{rule.name} ({rule.target})" if rule.name else rule.target, rule.target) for rule in rules]
    return [(label, value) for label, value in named if prefix.lower() in label.lower()]


_WHO: Final = Parameter("who", "A mention, @name, id, name, or “this place”", required=True)
COMMANDS: Final = (
    CommandSpec(
        "operator ban",
        "Ban a person, a server or a group",
        ban,
        (
            _WHO,
            Parameter("until", "When it ends: 7d, 12h, 2026-12-31, forever"),
            Parameter("reason", "Why, as they are told", max_length=REASON_LENGTH),
        ),
        operator=True,
        permission=EVERYBODY,
        always=True,
        example="@ann 7d advertising",
    ),
    CommandSpec(
        "operator unban",
        "Lift a ban, or end a wait",
        unban,
        (Parameter("who", _WHO.help, required=True, completes=complete_ban),),
        operator=True,
        permission=EVERYBODY,
        always=True,
    ),
    CommandSpec("operator bans", "List the bans", bans, operator=True, always=True, permission=EVERYBODY),
    CommandSpec(
        "operator allow",
        "List who may use the bot, or add a person, a server or a group",
        allow,
        (Parameter("who", _WHO.help),),
        operator=True,
        permission=EVERYBODY,
        always=True,
        example="this place",
    ),
    CommandSpec(
        "operator disallow",
        "Take somebody or some place off the list",
        disallow,
        (Parameter("who", _WHO.help, required=True, completes=complete_listed),),
        operator=True,
        permission=EVERYBODY,
        always=True,
    ),
    CommandSpec(
        "operator switch",
        "Switch a command or a group of commands off or on",
        switch,
        (
            Parameter("command", "A command, or the first word of a group", required=True, completes=complete_command),
            Parameter("state", "on or off", completes=complete_state),
        ),
        operator=True,
        permission=EVERYBODY,
        always=True,
        example="imagine off",
    ),
    CommandSpec(
        "operator maintenance",
        "Take no new work, or take it again",
        maintenance,
        (
            Parameter("state", "on or off", required=True, completes=complete_state, max_length=MESSAGE_LENGTH + 10),
            Parameter("message", "What people are told", max_length=MESSAGE_LENGTH),
        ),
        operator=True,
        permission=EVERYBODY,
        always=True,
        example="on back at nine",
    ),
    CommandSpec(
        "operator announce",
        "Tell all places something",
        announce,
        (Parameter("text", "The announcement", required=True, max_length=ANNOUNCEMENT_LENGTH, multiline=True),),
        operator=True,
        permission=EVERYBODY,
        always=True,
        example="we move to another server on Friday",
    ),
)
