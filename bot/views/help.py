"""The pages of help."""

from collections.abc import Sequence
from typing import Final

from bot.commands.base import CommandSpec
from bot.commands.help import topic_label
from bot.commands.typed import split_values
from bot.messages import Message, Select
from bot.text.cleaning import command_reference
from bot.views.base import A_ROW, FEW, ViewContext, ViewSpec, in_rows, select_of
from db.payloads.panels import HelpPanel


async def help_(view: ViewContext, payload: HelpPanel) -> Message:
    """Compose the topics, or the commands of one."""
    at = (payload.owner, payload.opened)
    if payload.topic:
        known = (view.around.commands.get(name) for name in payload.commands)
        return Message(
            "\n\n".join(_entry(view, spec, payload.withheld) for spec in known if spec is not None),
            title=topic_label(payload.topic, view.words.language),
            buttons=((view.button("help", *at, label="back"),),),
            private=view.place != "dm",
            menu=True,
        )
    buttons = [
        view.button("help_topic", *at, topic, text=topic_label(topic, view.words.language)) for topic in payload.topics
    ]
    home = (view.button("start", *at, label="home"),)
    selects: tuple[Select, ...] = ()
    if len(buttons) > FEW:
        selects, buttons = (select_of(view.words("help.choose"), buttons),), []
    return Message(
        view.words("help.intro"),
        title=view.words("help.title"),
        selects=selects,
        buttons=(*in_rows(buttons, A_ROW), home),
        private=view.place != "dm",
        menu=True,
    )


def _entry(view: ViewContext, spec: CommandSpec, withheld: Sequence[str]) -> str:
    """Return a command, what it does, an example, and what else can be given."""
    lines = [view.words("help.entry", name=command_reference(spec.name), help=spec.help)]
    values, rest = split_values(spec, spec.example)
    free = next((p for p in spec.parameters if p.required or p.kind is str), None)
    if rest and free is not None:
        values = {free.name: rest, **values}
    if values:
        lines.append(view.words("help.example", example=command_reference(spec.name, values)))
    others = [p.name for p in spec.parameters if not p.required and p.name not in values]
    if others := [name for name in others if f"{spec.name}.{name}" not in withheld]:
        lines.append(view.words("help.optional", names=", ".join(others)))
    return "\n".join(lines)


VIEWS: Final = (ViewSpec(HelpPanel, help_),)
