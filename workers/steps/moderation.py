"""Steps of moderation: judge what was stored as it came, and put it into force."""

from typing import Any, ClassVar, Final

from db import overrides
from db.errors import LeaseLost
from db.memory import judging
from db.memory.judging import JudgeMemory
from db.moderation import TextRefused
from db.overrides import saved_wording
from db.payloads.notice import Notice
from db.personas import judging as persona_judging
from db.personas.judging import JudgePersona
from db.work import JudgePrompt
from prompts.errors import PromptNotFound
from prompts.registry import changed_lines
from prompts.safety.passages import texts_of
from workers.moderation.gate import Gate, Gated
from workers.steps.base import Commit, Run, Step

NOT_TOLD: Final = frozenset({"key", "rating", "language", "voice"})
"""Fields of a card that hold no words of people."""


class JudgePromptStep(Step):
    """Judge the lines of a prompt that its account wrote."""

    name: ClassVar[str] = "judge_prompt"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return its version, the verdict, and the refusal's wording with its values."""
        parameters, services = run.parameters(JudgePrompt), run.services
        found = await overrides.unchecked(parameters.kind, parameters.prompt)
        if found is None:
            raise LeaseLost(f"{parameters.kind} {parameters.prompt} was dropped")
        gate = Gate(
            services.moderator, services.policy, services.queue, run.tracker, Gated("override"), parameters.allowance
        )
        try:
            await gate.admit_text(changed_lines(found.name, found.source))
        except PromptNotFound as e:
            raise LeaseLost(f"prompt {found.name} is gone") from e
        except TextRefused as e:
            return {"version": found.version, "verdict": "refused", "key": e.key, "values": e.values}
        key = saved_wording(found.kind, found.level)
        return {"version": found.version, "verdict": "checked", "key": key, "values": {"name": found.name}}


class RecordPromptVerdict(Commit):
    """Put a prompt into force, or tell why not."""

    name: ClassVar[str] = "record_prompt_verdict"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping. Raises `LeaseLost` if the prompt was dropped; its text is kept by no artifact."""
        judged: dict[str, Any] = run.outputs[JudgePromptStep.name]
        parameters = run.parameters(JudgePrompt)
        if not await overrides.judge(parameters.kind, parameters.prompt, judged["version"], judged["verdict"]):
            raise LeaseLost("the prompt was dropped")
        await run.reply(Notice(key=judged["key"], values=judged["values"], private=True))
        return {}


class JudgeMemoryStep(Step):
    """Judge what a person added to a memory."""

    name: ClassVar[str] = "judge_memory"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the digest of the text, the verdict, and the wording of the answer with its values."""
        parameters, services = run.parameters(JudgeMemory), run.services
        found = await judging.unjudged(parameters.item, parameters.id)
        if found is None:
            raise LeaseLost(f"{parameters.item} {parameters.id} is gone")
        gate = Gate(
            services.moderator, services.policy, services.queue, run.tracker, Gated("memory"), parameters.allowance
        )
        try:
            await gate.admit_text(found.text)
        except TextRefused as e:
            return {"digest": found.digest, "verdict": "refused", "key": e.key, "values": e.values}
        return {"digest": found.digest, "verdict": "checked", "key": f"memory.judged_{parameters.item}", "values": {}}


class RecordMemoryVerdict(Commit):
    """Record the verdict on what a person added to a memory, and tell them."""

    name: ClassVar[str] = "record_memory_verdict"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping. Raises `LeaseLost` if it was changed or dropped meanwhile."""
        judged: dict[str, Any] = run.outputs[JudgeMemoryStep.name]
        parameters = run.parameters(JudgeMemory)
        if not await judging.judge(parameters.item, parameters.id, judged["digest"], judged["verdict"]):
            raise LeaseLost("it was changed")
        await run.reply(Notice(key=judged["key"], values=judged["values"], private=True))
        return {}


class JudgePersonaStep(Step):
    """Judge what a person wrote of a persona."""

    name: ClassVar[str] = "judge_persona"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the revision that was judged, the verdict, and the refusal's wording with its values."""
        parameters, services = run.parameters(JudgePersona), run.services
        found = await persona_judging.unjudged(parameters.persona)
        if found is None:
            raise LeaseLost(f"persona {parameters.persona} is gone")
        gate = Gate(
            services.moderator, services.policy, services.queue, run.tracker, Gated("persona"), parameters.allowance
        )
        judged: dict[str, Any] = {"revision": found.revision, "verdict": "checked"}
        try:
            await gate.admit_text("\n".join(texts_of(found.card, NOT_TOLD)))
        except TextRefused as e:
            return {**judged, "verdict": "refused", "key": e.key, "values": e.values}
        return judged


class RecordPersonaVerdict(Commit):
    """Record the verdict on a persona; its maker is told of a refusal."""

    name: ClassVar[str] = "record_persona_verdict"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping. Raises `LeaseLost` if it was changed or deleted meanwhile."""
        judged: dict[str, Any] = run.outputs[JudgePersonaStep.name]
        persona = run.parameters(JudgePersona).persona
        if not await persona_judging.judge(persona, judged["revision"], judged["verdict"]):
            raise LeaseLost("the persona was changed")
        if judged["verdict"] == "refused":
            await run.send(Notice(key=judged["key"], values=judged["values"], private=True))
        return {}
