"""Steps of moderation: judge what was stored as it came, and put it into force."""

from typing import Any, ClassVar

from db import overrides
from db.errors import LeaseLost
from db.moderation import TextRefused
from db.payloads.notice import Notice
from db.work import JudgePrompt
from prompts.errors import PromptNotFound
from prompts.registry import changed_lines
from workers.moderation.gate import Gate, Gated
from workers.steps.base import Commit, Run, Step


class JudgePromptStep(Step):
    """Judge the lines of a prompt that its account wrote."""

    name: ClassVar[str] = "judge_prompt"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return its version, the verdict, and the refusal's wording with its values."""
        parameters, services = run.parameters(JudgePrompt), run.services
        found = await overrides.unchecked(parameters.prompt)
        if found is None:
            raise LeaseLost(f"override {parameters.prompt} was dropped")
        name, source, version = found
        gate = Gate(
            services.moderator, services.policy, services.queue, run.tracker, Gated("override"), parameters.allowance
        )
        try:
            await gate.admit_text(changed_lines(name, source))
        except PromptNotFound as e:
            raise LeaseLost(f"prompt {name} is gone") from e
        except TextRefused as e:
            return {"version": version, "verdict": "refused", "key": e.key, "values": e.values}
        return {"version": version, "verdict": "checked", "key": "prompt.saved", "values": {"name": name}}


class RecordPromptVerdict(Commit):
    """Put a prompt into force, or tell why not."""

    name: ClassVar[str] = "record_prompt_verdict"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping. Raises `LeaseLost` if the prompt was dropped; its text is kept by no artifact."""
        judged: dict[str, Any] = run.outputs[JudgePromptStep.name]
        if not await overrides.judge(run.parameters(JudgePrompt).prompt, judged["version"], judged["verdict"]):
            raise LeaseLost("the prompt was dropped")
        await run.reply(Notice(key=judged["key"], values=judged["values"], private=True))
        return {}
