"""Completion of `/` commands at the prompt: names, parameters, enum values, and what the router suggests."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from bot.commands.base import CommandRegistry, CommandSpec, Parameter
from bot.commands.typed import split_command, split_values
from bot.events import Command

Suggest = Callable[[Command, str, str], Awaitable[list[tuple[str, str]]]]
"""Takes the command so far, a parameter's name and its typed part; returns ``(label, value)`` pairs."""


class CommandCompleter(Completer):
    """Completes lines that start with ``/``; anything else is left alone as prose."""

    def __init__(self, registry: CommandRegistry, suggest: Suggest) -> None:
        self._registry = registry
        self._suggest = suggest

    def get_completions(
        self,
        document: Document,  # noqa: ARG002 - of the base class
        complete_event: CompleteEvent,  # noqa: ARG002
    ) -> Iterable[Completion]:
        """Complete nothing: suggestions come from the database, `get_completions_async` waits for them."""
        return ()

    async def get_completions_async(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002 - of the base class
    ) -> AsyncGenerator[Completion, None]:
        """Yield the completions of the text before the cursor."""
        text = document.text_before_cursor
        if not text.startswith("/"):
            return
        found = split_command(text, self._registry)
        if found is None or not found[1]:
            for completion in self._names(text):
                yield completion
            return
        async for completion in self._parameters(*found):
            yield completion

    def _names(self, text: str) -> Iterator[Completion]:
        typed = " ".join(text[1:].lower().split())
        if text.endswith(" ") and typed:
            typed += " "
        names = [(spec.name, spec.help) for spec in self._registry]
        for name, help_ in [*names, ("quit", "leave")]:
            if name.startswith(typed):
                yield Completion(f"/{name}", -len(text), display_meta=help_)

    async def _parameters(self, spec: CommandSpec, behind: str) -> AsyncGenerator[Completion, None]:
        start = max(behind.rfind(" "), behind.rfind("\t")) + 1
        token = behind[start:]
        values, rest = split_values(spec, behind[:start])
        name, equals, prefix = token.partition("=")
        named = next((p for p in spec.parameters if p.name == name.lower()), None) if equals else None
        if named is not None:
            async for completion in self._values(spec, named, values, prefix.lstrip("\"'"), len(prefix)):
                yield completion
            return
        first = next((p for p in spec.parameters if p.kind is str), None)
        if first is not None and first.name not in values and not equals:
            free = f"{rest} {token}".strip() if rest else token
            typed = len(behind) - behind.index(rest) if rest else len(token)
            if first.choices or first.completes:
                async for completion in self._values(spec, first, values, free, typed, bare=True):
                    yield completion
        for parameter in spec.parameters:
            if parameter is not first and parameter.name not in values and parameter.name.startswith(token.lower()):
                yield Completion(f"{parameter.name}=", -len(token), display_meta=parameter.help)

    async def _values(
        self,
        spec: CommandSpec,
        parameter: Parameter,
        values: dict[str, str],
        prefix: str,
        typed: int,
        *,
        bare: bool = False,
    ) -> AsyncGenerator[Completion, None]:
        """Yield values of one parameter in place of the last ``typed`` characters, in quotes where they need them."""
        if parameter.choices or parameter.kind is bool:
            known = parameter.choices or (("yes", "true"), ("no", "false"))
            pairs = [pair for pair in known if any(side.lower().startswith(prefix.lower()) for side in pair)]
        elif parameter.completes:
            pairs = await self._suggest(Command(name=spec.name, values=values), parameter.name, prefix)
        else:
            pairs = []
        for label, value in pairs:
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            text = f'"{escaped}"' if not bare and any(c.isspace() or c in "\"'" for c in value) else value
            yield Completion(text, -typed, display=label, display_meta=parameter.help if label == value else value)
