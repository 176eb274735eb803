"""Steps of questions to the language model alone: answer, tell."""

from typing import Any, ClassVar

from db import jobs
from db.asking import AskModel
from db.payloads.asking import ModelAnswer
from db.payloads.notice import Notice
from workers.functions.answer_question import AnswerQuestion, PlainAnswer, QuestionInputs
from workers.functions.engine import CallContext, FunctionEngine
from workers.steps.base import Commit, Run, Step


class AnswerQuestionStep(Step):
    """Have the model answer."""

    name: ClassVar[str] = "answer_question"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return a `PlainAnswer`."""
        asked = run.parameters(AskModel)
        inputs = QuestionInputs(question=asked.question, language=asked.language, seed=run.job.id)
        async with run.services.stop_requests.offered(run.job) as stop:
            caller = CallContext(run.tracker, run.job.account_id, stop=stop, rating=asked.allowance)
            return (await FunctionEngine(run.services).run(AnswerQuestion(), inputs, caller)).model_dump()


class TellAnswer(Commit):
    """Tell the answer; the question is not kept."""

    name: ClassVar[str] = "tell_answer"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping."""
        answer = PlainAnswer.model_validate(run.outputs[AnswerQuestionStep.name])
        if answer.nobody or not answer.text:
            await run.reply(Notice(key="ask.nobody" if answer.nobody else "job.cancelled"))
        else:
            await run.reply(ModelAnswer(text=answer.text, stopped=answer.stopped))
        await jobs.forget_parameters(run.job.id, run.token)
        return {}
