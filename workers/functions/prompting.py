"""How an AI function's prompt is found and filled in: the overrides of task, persona and account, else the default."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from db import overrides, usage
from db.errors import describe
from db.overrides import PromptLevel, PromptScope
from db.prompts_in_force import InForce, in_force
from prompts.errors import PromptError, PromptLimitExceeded
from prompts.render import render
from prompts.safety.rating import Rating
from prompts.sizes import SizeClass
from prompts.template import Origin, PromptMessage, PromptTemplate
from workers.engines.text.base import ModelMessage, without_opening
from workers.moderation.gate import Gate
from workers.progress import Tracker
from workers.queue import outbox_channel
from workers.services import Services

SAFER: Final = "safety/keep_within_rating"
"""What is added to a prompt whose answer was refused."""
_ORIGINS: Final[Mapping[PromptLevel, Origin]] = {
    "story": "task", "job": "task", "persona": "persona", "account": "account"
}  # fmt: skip
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallContext:
    """The job, account and persona that a function runs for. ``task_prompt`` replaces the prompt for this task only.

    ``rating`` is what may be written there: the lowest of story or persona, place and account.
    When ``stop`` is set, the model is stopped, and the function's output is what it wrote so far.
    """

    tracker: Tracker
    account_id: int | None
    persona_id: int | None = None
    task_prompt: str | None = None
    stop: asyncio.Event | None = None
    rating: Rating = "sfw"

    @property
    def about(self) -> PromptScope:
        """What the job is about, as far as prompts may be for it."""
        job = self.tracker.job
        return PromptScope(self.persona_id, job.story_id, job.type)

    @property
    def unit(self) -> str:
        """The story, else the conversation: it keeps to one variant of a prompt that is tested."""
        job = self.tracker.job
        return f"conversation:{job.conversation_id}" if job.story_id is None else f"story:{job.story_id}"


class Prompting:
    """Makes the prompts for one run of one function."""

    def __init__(self, services: Services, caller: CallContext, record: usage.TaskRecord, gate: Gate) -> None:
        """What happens is written to ``record``; ``gate`` says how the rating is called."""
        self._services, self._caller, self._record, self._gate = services, caller, record, gate
        self._templates: dict[tuple[str, SizeClass], PromptTemplate] = {}
        self._ignored: set[str] = set()
        self._rendered: tuple[PromptTemplate, dict[str, Any], tuple[PromptMessage, ...]] | None = None
        self.chosen = InForce()
        """What the account chose for the prompt that was asked for last."""
        self.told: dict[str, Any] = {}
        """Name, version, origin and size of the last prompt, for the receipt."""
        self.tested: dict[str, Any] = {}
        """The variant of a test that wrote: its id, label and test, for the receipt; empty if there is none."""
        self.used: PromptTemplate | None = None
        """The template of the last prompt."""
        self.size: SizeClass = "large"
        """The class of models for which prompts are made."""
        self.other: SizeClass | None = None
        """The variant that is used instead of that class's own, for another try."""

    @property
    def _variant(self) -> SizeClass:
        return self.other or self.size

    def turn_to_other_variant(self, name: str) -> None:
        """Make the next prompts from another variant, if there is one."""
        self.other = self._services.prompts.smaller_variant(name, self.size)

    async def template(self, name: str) -> PromptTemplate:
        """Return the override of the task, persona or account, else the default prompt. A broken one is skipped."""
        caller, chosen = self._caller, InForce()
        if caller.account_id is not None:
            chosen = await in_force(
                caller.account_id, name, caller.about, caller.unit, caller.tracker.job.conversation_id
            )
        if caller.task_prompt is not None:
            chosen = replace(chosen, own=None, drawn=None)
        self.chosen = chosen
        own = {} if chosen.own is None else {_ORIGINS[chosen.own.level]: chosen.own.source}
        try:
            template = self._services.prompts.resolve(name, self._variant, **{"task": caller.task_prompt, **own})
        except PromptError as e:
            self.chosen = replace(chosen, own=None, drawn=None)
            if name not in self._ignored:
                self._ignored.add(name)
                self._record.step("prompt_override_ignored", prompt=name, reason=describe(e))
                _log.warning("an override of prompt %s is ignored: %s", name, e)
            template = self._services.prompts.get(name, self._variant)
        self._templates[name, self._variant] = template
        return template

    async def current(self, name: str) -> PromptTemplate:
        """Return the template of a prompt as it was found last; see `template`."""
        return self._templates.get((name, self._variant)) or await self.template(name)

    async def messages(self, name: str, variables: dict[str, Any]) -> tuple[ModelMessage, ...]:
        """Return the messages of a prompt. Raises `prompts.errors.PromptError` if the default prompt fails."""
        template = await self.template(name)
        if "rating" in template.inputs:
            variables = {**variables, "rating": self._gate.rating_word}
        try:
            rendered = await self._render(template, variables)
        except PromptError as e:
            if template.origin == "default":
                raise
            self._record.step("prompt_override_ignored", prompt=name, reason=describe(e))
            if isinstance(e, PromptLimitExceeded):
                await self._note_limit(template, str(e))
            self.chosen = replace(self.chosen, own=None, drawn=None)
            template = self._services.prompts.get(name, self._variant)
            self._templates[name, self._variant] = template
            rendered = await render(template, variables)
        else:
            own, account_id = self.chosen.own, self._caller.account_id
            if own is not None and own.limit_hits and account_id is not None:
                await overrides.note_rendered(account_id, own)
        if (drawn := self.chosen.drawn) is not None:
            self.tested = {"id": drawn.id, "label": drawn.label, "test": drawn.test_id, "prompt": name}
        self.used = template
        size = "" if template.size == "large" else f".{template.size}"
        self._record.prompt_version = f"{name}{size} {template.version} {template.origin}"
        self.told = {
            "name": name, "version": template.version, "origin": template.origin, "size": template.size
        }  # fmt: skip
        return tuple(ModelMessage(m.role, m.text, m.shared) for m in rendered)

    async def rendered(self, name: str, variables: dict[str, Any]) -> tuple[ModelMessage, ...]:
        """Return the messages of a prompt to count them: what happens leaves no note. Raises as `messages`."""
        template = await self.current(name)
        if "rating" in template.inputs:
            variables = {**variables, "rating": self._gate.rating_word}
        try:
            found = await self._render(template, variables)
        except PromptError:
            if template.origin == "default":
                raise
            found = await render(self._services.prompts.get(name, self._variant), variables)
        return tuple(ModelMessage(m.role, m.text, m.shared) for m in found)

    async def render(self, name: str, variables: dict[str, Any]) -> str:
        """Return the text of a prompt that becomes a part of another. Raises as `messages`."""
        return "\n\n".join(message.content for message in await self.rendered(name, variables))

    async def safer_messages(self, name: str, variables: dict[str, Any]) -> tuple[ModelMessage, ...]:
        """Return the messages of a prompt with the request to keep within the rating. Raises as `messages`."""
        return await self.with_note(await self.messages(name, variables), SAFER, {})

    async def with_note(
        self, messages: tuple[ModelMessage, ...], name: str, variables: dict[str, Any]
    ) -> tuple[ModelMessage, ...]:
        """Return messages with the text of the prompt ``name`` behind the last request, before given first words."""
        template = self._services.prompts.get(name, self.size)
        note = "\n\n".join(message.text for message in await render(template, variables))
        told, _ = without_opening(messages)
        *before, last = told
        return (*before, replace(last, content=f"{last.content}\n\n{note}".rstrip()), *messages[len(told) :])

    async def _render(self, template: PromptTemplate, variables: dict[str, Any]) -> tuple[PromptMessage, ...]:
        """Return the messages of a template, also where they were just counted, rendered once."""
        if self._rendered is None or self._rendered[:2] != (template, variables):
            self._rendered = template, variables, await render(template, variables)
        return self._rendered[2]

    async def _note_limit(self, template: PromptTemplate, problem: str) -> None:
        """Count a broken limit of the account's own template, which switches it off the second time in a row."""
        account_id, own = self._caller.account_id, self.chosen.own
        if account_id is None or own is None:
            return
        place = self._caller.tracker.job.conversation_id
        platform = await overrides.note_limit(account_id, own, problem=problem, conversation_id=place)
        if platform:
            _log.warning("the override of prompt %s of account %d is switched off", template.name, account_id)
            await self._services.queue.publish(outbox_channel(platform))
