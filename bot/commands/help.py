"""`/help`: by topic, and only what this person may and can do here."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot import locales
from bot.actions.base import ActionSpec, Arg
from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.context import Context, Enquiry
from bot.panels import PANEL_ARGS, OpenPanel, fresh_panel, pressed_panel, show_panel
from db.errors import NotFound, UserError
from db.payloads.panels import HelpPanel
from db.permissions import EVERYBODY

_SHOWN: Final = 60
"""How much of an unknown topic is repeated in the answer, in characters."""


class HelpPages:
    """The pages of help: one for each topic with commands."""

    def __init__(self, sections: Mapping[str, Sequence[CommandSpec]]) -> None:
        """``sections`` are the commands by topic; there may still be more."""
        self._sections = sections

    def command(self) -> CommandSpec:
        """Return the command."""
        parameter = Parameter("topic", "What you want to know more about", completes=self._complete)
        return CommandSpec(
            "help", "Show what you can do here", self._help, (parameter,), always=True, permission=EVERYBODY
        )

    def actions(self) -> tuple[ActionSpec, ...]:
        """Return the buttons."""
        return (
            ActionSpec("help", self._contents, PANEL_ARGS, always=True, permission=EVERYBODY),
            ActionSpec(
                "help_topic", self._topic, (*PANEL_ARGS, Arg("topic", "name")), always=True, permission=EVERYBODY
            ),
        )

    async def _help(self, context: Context, values: dict[str, Any]) -> None:
        """Show the topics, or the one that is named: by its label, its name or one of its commands."""
        wanted = " ".join(str(values.get("topic") or "").strip().lstrip("/").casefold().replace("_", " ").split())
        topic = self._named(wanted, context.language)
        if wanted and not (topic and await _usable(context, self._sections[topic])):
            raise NotFound("help.unknown", name=wanted[:_SHOWN])
        await self._show(context, fresh_panel(context), topic)

    def _named(self, wanted: str, language: str) -> str:
        """Return the topic that a text names, "" if there is none."""
        for name, specs in self._sections.items():
            commands = {word for spec in specs for word in (spec.name.replace("_", " "), spec.name.split()[0])}
            if wanted in {name, topic_label(name, language).casefold()} or wanted in commands:
                return name
        return ""

    async def _contents(self, context: Context, owner: int, opened: int) -> None:
        """Show the topics."""
        await self._show(context, await pressed_panel(context, owner, opened), "")

    async def _topic(self, context: Context, owner: int, opened: int, topic: str) -> None:
        """Show a topic's commands."""
        await self._show(context, await pressed_panel(context, owner, opened), topic)

    async def _show(self, context: Context, panel: OpenPanel, topic: str) -> None:
        usable = {name: await _usable(context, specs) for name, specs in self._sections.items()}
        payload = HelpPanel(
            owner=panel.owner,
            opened=panel.opened,
            topics=[name for name, specs in usable.items() if specs],
            topic=topic if usable.get(topic) else "",
            commands=[spec.name for spec in usable.get(topic, ())],
            withheld=_withheld(context, usable.get(topic, ())),
        )
        await show_panel(context, panel, payload)

    async def _complete(self, enquiry: Enquiry, prefix: str) -> list[Suggestion]:
        labels = [
            (topic_label(name, enquiry.event.user.language), name)
            for name, specs in self._sections.items()
            if not all(spec.operator for spec in specs)
        ]
        return [(label, name) for label, name in labels if prefix.casefold() in f"{label} {name}".casefold()]


def topic_label(topic: str, language: str) -> str:
    """Return what a topic is called, for people."""
    key = f"help.topic_{topic}"
    return (
        locales.text(key, language=language or locales.DEFAULT) if key in locales.known_keys() else topic.capitalize()
    )


async def _usable(context: Context, specs: Sequence[CommandSpec]) -> list[CommandSpec]:
    """Return the commands that would not be refused."""
    return [spec for spec in specs if _may_run(context, spec) and await _available(context, spec)]


def _withheld(context: Context, specs: Sequence[CommandSpec]) -> list[str]:
    """Return the parameters that this person may not use, as ``command.parameter``."""
    return [
        f"{spec.name}.{parameter.name}"
        for spec in specs
        for parameter in spec.parameters
        if parameter.permission is not None and not context.may(parameter.permission)
    ]


def _may_run(context: Context, spec: CommandSpec) -> bool:
    if (spec.operator and not context.operator) or context.switched_off(spec.name):
        return False
    return all(context.may(permission) for permission in spec.needs({}))


async def _available(context: Context, spec: CommandSpec) -> bool:
    if spec.check is None:
        return True
    try:
        await spec.check(context)
    except UserError:
        return False
    return True
