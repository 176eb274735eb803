"""Templates and variables in, chat messages out.

Default files are trusted and render in process. Overrides are user input: they render in a child process with little
memory, a limit of one second, and no secrets. In both cases variables are values: user text is never parsed as a
template.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from jinja2 import TemplateError

from prompts.child import render_pool
from prompts.errors import PromptInvalid, PromptVariables
from prompts.product import shared_length
from prompts.sandbox import PromptEnvironment, render_sources
from prompts.template import InputType, PromptMessage, PromptTemplate

_TYPES: dict[InputType, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
    "mapping": (dict,),
}


async def render(template: PromptTemplate, variables: Mapping[str, Any]) -> tuple[PromptMessage, ...]:
    """Return the messages of ``template`` without empty ones. Missing optional variables are None.

    Each message of a default template counts the prefix it shares with all accounts; an override shares nothing.

    Raises `PromptVariables` naming what is missing, unknown or of the wrong type, `PromptInvalid` if the template
    fails on these values, `PromptLimitExceeded` if an override breaks a limit of the sandbox.
    """
    values = check_variables(template, variables)
    sources = [section.source for section in template.sections]
    if template.origin == "default":
        try:
            texts = render_sources(_environment(), sources, values)
        except TemplateError as error:
            raise PromptInvalid(f"{template.name}: {error}") from error
    else:
        texts = await render_pool().run(lambda child: child.render(sources, values))
    messages: list[PromptMessage] = []
    sharing = template.origin == "default"
    for section, text in zip(template.sections, map(str.strip, texts), strict=True):
        if section.variable is not None:
            messages.extend(_messages(section.variable, values[section.variable]))
        elif text:
            # A model's state after a text depends on everything before it.
            sharing = sharing and all(message.shared == len(message.text) for message in messages)
            shared = shared_length(text, section.product) if sharing else 0
            messages.append(PromptMessage(section.role, text, shared))
    return tuple(messages)


def check_variables(template: PromptTemplate, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return one value per input of ``template``. Raises `PromptVariables` listing every problem."""
    problems: list[str] = []
    missing = sorted(name for name in template.required if variables.get(name) is None)
    unknown = sorted(variables.keys() - template.inputs.keys())
    if missing:
        problems.append(f"missing: {', '.join(missing)}")
    if unknown:
        problems.append(f"unknown: {', '.join(unknown)}")
    for name, spec in template.inputs.items():
        value = variables.get(name)
        wrong_bool = isinstance(value, bool) and spec.type != "boolean"
        if value is not None and (wrong_bool or not isinstance(value, _TYPES[spec.type])):
            problems.append(f"{name} must be {spec.type}, not {type(value).__name__}")
    if problems:
        raise PromptVariables(f"prompt {template.name}: {'; '.join(problems)}")
    return {name: variables.get(name) for name in template.inputs}


@lru_cache(maxsize=1)
def _environment() -> PromptEnvironment:
    return PromptEnvironment(kept=256)


def _messages(variable: str, value: Any) -> list[PromptMessage]:
    messages: list[PromptMessage] = []
    for item in cast("list[Any]", value or []):
        role, text = (item.get("role"), item.get("text")) if isinstance(item, dict) else (None, None)
        if role not in ("user", "assistant") or not isinstance(text, str):
            raise PromptVariables(f"{variable} must hold mappings with role (user or assistant) and text")
        if text.strip():
            messages.append(PromptMessage(role, text))
    return messages
