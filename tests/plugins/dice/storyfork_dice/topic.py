"""What people see of dice: a command with a form, buttons, messages, wording."""

from collections.abc import Mapping
from typing import Any, Final

from bot.actions.base import ActionSpec, Arg, FormSpec
from bot.commands.base import CommandSpec, Parameter
from bot.context import Context
from bot.menus import EntrySpec, PickedMessage
from bot.messages import Field, Message
from bot.preferences import PreferenceOption, PreferenceSpec
from bot.topics import Topic
from bot.views.base import ViewContext, ViewSpec
from db import jobs
from db.errors import NotFound
from db.permissions import EVERYBODY
from storyfork_dice import record
from storyfork_dice.record import DiceRoll, RollKept, RollReady


async def roll(context: Context, values: dict[str, Any]) -> None:
    """Throw dice."""
    roll_id = await record.begin(context.account_id, values["sides"], values.get("note") or "")
    await record.set_job(roll_id, await context.work(DiceRoll(roll=roll_id)))


async def again(context: Context, roll: int, how: str) -> None:
    """Throw the same dice again; ``how`` is a name, to show that buttons may carry one."""
    found = await record.get(context.account_id, roll)
    wakeup = await jobs.interact(int(str(found["job_id"])), {"how": how}, name="throw_again")
    if wakeup is None:
        raise NotFound("dice.too_late")
    context.wakes.append(wakeup)
    await context.notice("dice.thrown_again", private=False, how=how)


async def note(context: Context, values: Mapping[str, str], roll: int) -> None:
    """Change the note of a roll, in a form that shows the present one."""
    await record.get(context.account_id, roll)
    await record.give_note(context.account_id, roll, values["note"])
    await context.say(RollReady(roll=roll))


async def present_note(context: Context, roll: int) -> Mapping[str, str]:
    """Return the note as it is."""
    return {"note": str((await record.get(context.account_id, roll))["note"])}


async def ready(view: ViewContext, payload: RollReady) -> Message:
    """Compose a roll."""
    found = await record.get(view.account_id, payload.roll)
    return Message(
        view.words("dice.result", result=found["result"], sides=found["sides"]),
        title=str(found["text"]),
        footer=str(found["note"]),
        buttons=((view.button("dice_again", payload.roll, "left hand"), view.button("dice_note", payload.roll)),),
    )


async def kept(view: ViewContext, payload: RollKept) -> Message:
    """Compose what is said when nobody throws again."""
    found = await record.get(view.account_id, payload.roll)
    return Message(view.words("dice.kept", result=found["result"]))


async def read_luck(context: Context) -> str:
    """Return how lucky people feel here."""
    return await record.luck(context.account_id)


async def set_luck(context: Context, value: str) -> None:
    """Store how lucky people feel here."""
    await record.set_luck(context.account_id, value)


async def luck_options(context: Context) -> list[PreferenceOption]:
    """Return how lucky somebody may feel."""
    del context
    return [PreferenceOption("", "dice.luck_usual"), PreferenceOption("very", "dice.luck_very")]


async def rolled(picked: PickedMessage) -> tuple[int, ...] | None:
    """Return the roll that a message shows, whose note can be changed in the message's menu as well."""
    roll = picked.row.payload.get("roll")
    return (roll,) if isinstance(roll, int) else None


LUCK: Final = PreferenceSpec(
    "luck", "dice.luck", "place", read_luck, set_luck, luck_options, permission="settings", help="dice.luck_help"
)
TOPIC: Final = Topic(
    "dice",
    commands=(
        CommandSpec(
            "roll",
            "Throw a die",
            roll,
            (
                Parameter("sides", "How many sides it has", int, required=True, minimum=2, maximum=1000),
                Parameter("note", "What it is for"),
            ),
            example="20",
            permission=EVERYBODY,
        ),
    ),
    actions=(
        ActionSpec("dice_again", again, (Arg("roll"), Arg("how", "name")), permission=EVERYBODY),
        ActionSpec(
            "dice_note",
            note,
            (Arg("roll"),),
            form=FormSpec("dice.note_title", (Field("note", "dice.note_field", required=False),), present_note),
            permission=EVERYBODY,
        ),
    ),
    views=(ViewSpec(RollReady, ready), ViewSpec(RollKept, kept)),
    entries=(EntrySpec("note", "dice_note", frozenset({RollReady.kind}), rolled),),
    preferences=(LUCK,),
    wording="storyfork_dice.wording",
)
