"""Keep what a run has found, in one transaction, if the texts are still those that it has read."""

from datetime import datetime
from typing import Any, ClassVar

from db.errors import LeaseLost
from db.memory import facts, memories, plots, short_forms, summaries, tracked
from db.memory.facts import NewFact
from db.memory.memories import MemoryRecord, Remember
from db.memory.summaries import NewSummary
from db.stories import tree
from workers.context.history import SummaryPlace
from workers.steps.base import Commit, Run
from workers.steps.memory.distil import Distilled, DistilTexts, form_of
from workers.steps.memory.learn import (
    ANSWER_VERSION,
    FACTS_VERSION,
    PLOT_VERSION,
    AnswerQuestions,
    AnswersFound,
    FactsFound,
    FollowPlot,
    LearnFacts,
    PlotsFound,
)
from workers.steps.memory.recall import UnreadPast, recalled
from workers.steps.memory.summarise import Summarised, SummarisePast


class KeepMemory(Commit):
    """Store summaries, facts, plots and answers, and say what is left to do."""

    name: ClassVar[str] = "keep_memory"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return how many there are of each. Raises `LeaseLost` if the memory is gone."""
        now = await recalled(run)
        # Locks are taken in the order story, page, memory.
        if (story := run.parameters(Remember).story) is not None:
            await tree.lock_story(story)
        locked = await memories.lock(now.memory.id)
        if locked is None:
            raise LeaseLost(f"memory {now.memory.id} was deleted")
        done = Summarised.model_validate(run.outputs[SummarisePast.name])
        if not (done.changes == now.memory.changes == locked.changes):
            await memories.settle(locked, read_to=0, more=True)
            return {"changed": True}
        found = FactsFound.model_validate(run.outputs[LearnFacts.name])
        answers = AnswersFound.model_validate(run.outputs[AnswerQuestions.name])
        learnt = await _keep_facts(locked, found)
        await _keep_summaries(now, done)
        for plot in PlotsFound.model_validate(run.outputs[FollowPlot.name]).drafts:
            await plots.put(locked.id, plot.page_id, plot.notes.model_dump(), PLOT_VERSION)
        for reply in answers.drafts:
            await tracked.judge(reply.question_id, "checked")
            await tracked.answer(
                reply.question_id, reply.text, ANSWER_VERSION, page_id=reply.page_id, message_id=reply.message_id
            )
        for refused in answers.refused:
            await tracked.judge(refused, "refused")
        short = Distilled.model_validate(run.outputs[DistilTexts.name])
        for draft in short.drafts:
            await short_forms.put(locked.id, form_of(draft))
        if short.keys is not None:
            await short_forms.keep_only(locked.id, short.keys)
        await memories.settle(
            now.memory, read_to=found.read_to, more=done.more or found.more or answers.more or short.more
        )
        return {"summaries": len(done.drafts), "facts": learnt, "answers": len(answers.drafts)}


async def _keep_facts(memory: MemoryRecord, found: FactsFound) -> int:
    of_story = memory.story_id is not None
    new = [
        NewFact(
            subject=draft.subject,
            text=draft.text,
            kind=draft.kind,
            importance=draft.importance,
            version=FACTS_VERSION,
            page_id=draft.source if of_story else None,
            message_id=None if of_story else draft.source,
            user_id=draft.user_id,
            present=draft.present,
            replaces=draft.replaces,
            valid_from=datetime.fromisoformat(draft.valid_from),
        )
        for draft in found.drafts
    ]
    return len(await facts.put(memory.id, new))


async def _keep_summaries(now: UnreadPast, done: Summarised) -> None:
    ids = {place: summary.id for place, summary in now.fresh.items()}
    written = {draft.place for draft in done.drafts}
    # Where others end now, nothing stale is left.
    reached = max((draft.last for draft in done.drafts), default=-1)
    old = [s.id for s in now.stale if s.last <= reached and SummaryPlace(s.first, s.last, s.level) not in written]
    if old:
        await summaries.drop(now.memory.id, old)
    ends = {p.last: (s.page_id, s.message_id, s.last_said) for p, s in now.fresh.items() if p.level == 1}
    begins = {p.first: s.first_said for p, s in now.fresh.items()}
    of_story = now.memory.story_id is not None
    for at, text in enumerate(now.texts, now.base):
        ends[at] = (text.id, None, None) if of_story else (None, text.id, text.said)
        begins[at] = None if of_story else text.said
    for draft in done.drafts:
        page_id, message_id, last_said = ends[draft.last]
        previous = max((p for p in ids if p.level == draft.level and p.last < draft.first), default=None)
        ids[draft.place] = await summaries.put(
            now.memory.id,
            NewSummary(
                level=draft.level,
                page_id=page_id,
                message_id=message_id,
                first=draft.first,
                last=draft.last,
                first_said=begins.get(draft.first),
                last_said=last_said,
                jumps=[jump for jump in now.jumps if jump <= draft.last],
                kind=draft.kind,
                text=draft.text,
                source_hash=draft.source_hash,
                version=draft.version,
            ),
            None if previous is None else ids[previous],
        )
