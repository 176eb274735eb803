"""Learn from what is new: facts, the plot of a story, and the answers to tracked questions."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel

from db.memory import facts, past, plots, tracked
from db.memory.facts import Fact
from db.memory.past import PastText
from db.memory.tracked import Tracked
from workers.context.history import PAGES, SummaryPlace
from workers.functions.memory import answer_tracked, extract_facts, extract_plot
from workers.functions.memory.answer_tracked import AnswerTracked, TrackedInputs
from workers.functions.memory.extract_facts import ExtractFacts, FactInputs, FactKind, FactLine, KnownFact
from workers.functions.memory.extract_plot import ExtractPlot, PlotInputs, PlotNotes
from workers.steps.base import Run, Step
from workers.steps.memory.calls import busy, call, fitted
from workers.steps.memory.recall import LAST, UnreadPast, recalled, without
from workers.steps.memory.summarise import Summarised, SummarisePast

WINDOW: Final = 12
"""Messages of which facts are looked for at a time."""
WINDOWS: Final = 2
"""Calls of one run for facts, and of a story for its plot."""
KNOWN: Final = 12
"""Known facts that a call is told."""
QUESTIONS: Final = 4
"""Questions that one run answers."""
RECENT_PAGES: Final = 4
RECENT_MESSAGES: Final = 16
_NAME: Final = re.compile(r"\b[A-ZÀ-ÞА-Я][\w’'-]{2,}")


class FactDraft(BaseModel):
    """A fact that was found: its source, who said it, and which facts it replaces."""

    subject: str
    text: str
    kind: FactKind
    importance: int
    source: int
    user_id: int | None
    present: list[str]
    replaces: list[int]
    valid_from: str


class FactsFound(BaseModel):
    """The facts of a run. ``read_to``: of a chat, up to where they were looked for."""

    drafts: list[FactDraft] = []
    read_to: int = 0
    more: bool = False


class LearnFacts(Step):
    """Find facts: of a chat in the new messages, of a story in the pages that were summarised now."""

    name: ClassVar[str] = "learn_facts"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return `FactsFound`."""
        now = await recalled(run)
        found = FactsFound(read_to=now.memory.read_to)
        for at, window in enumerate(await _windows(run, now)):
            if at >= WINDOWS or (at and await busy()):
                found.more = True
                break
            found.drafts += await _facts_of(run, now, window)
            if now.memory.story_id is None:
                found.read_to = window[-1].said
        return found.model_dump()


async def _windows(run: Run, now: UnreadPast) -> list[Sequence[PastText]]:
    memory = now.memory
    if memory.story_id is not None:
        return [now.of(place) for place in _new_places(run)]
    assert memory.conversation_id is not None
    assert memory.persona_id is not None
    assert memory.epoch is not None
    found = await past.messages(
        memory.conversation_id, memory.persona_id, memory.epoch, (memory.read_to, LAST), WINDOW * (WINDOWS + 1)
    )
    windows: list[list[PastText]] = []
    for text in found:
        # An exchange is not divided: its second half would be taken for read.
        if not windows or (len(windows[-1]) >= WINDOW and text.said != windows[-1][-1].said):
            windows.append([])
        windows[-1].append(text)
    return list(windows)


def _new_places(run: Run) -> list[SummaryPlace]:
    """Return the places of level 1 of which a summary was written in this run."""
    done = Summarised.model_validate(run.outputs[SummarisePast.name])
    return [draft.place for draft in done.drafts if draft.level == 1 and not draft.reused]


async def _facts_of(run: Run, now: UnreadPast, window: Sequence[PastText]) -> list[FactDraft]:
    memory, story = now.memory, now.memory.story_id is not None
    speakers = [text.speaker or (now.persona if text.role == "persona" else "") for text in window]
    texts = [without(text.text, memory.forgotten) for text in window]
    if not any(text.strip() for text in texts):
        return []
    names = list(dict.fromkeys(name for name in (*speakers, now.persona) if name))
    known = await _known(now, (*speakers, *texts))

    def inputs(size: int) -> FactInputs:
        lines = [FactLine(speaker=s, text=t) for s, t in zip(speakers, fitted(texts, size, _content(now)), strict=True)]
        told = [KnownFact(about=fact.subject, fact=fact.text) for fact in known]
        return FactInputs(lines=lines, known=told, names=names, story=story)

    found = await call(run, now, ExtractFacts(), inputs)
    drafts: list[FactDraft] = []
    for each in () if found is None else found.facts:
        source = window[each.line - 1]
        drafts.append(
            FactDraft(
                subject=each.about,
                text=each.fact,
                kind=each.kind,
                importance=each.importance,
                source=source.id,
                user_id=source.user_id,
                # Of a chat, whoever spoke was there; of a story, the model says who.
                present=each.present if story else names,
                replaces=[known[n - 1].id for n in each.replaces],
                valid_from=source.created_at.isoformat(),
            )
        )
    return drafts


async def _known(now: UnreadPast, texts: Sequence[str]) -> list[Fact]:
    """Return the known facts that these texts may repeat or contradict: about what they name, then the weightiest."""
    memory = now.memory.id
    names = list(dict.fromkeys(name for text in texts for name in _NAME.findall(text)))[:40]
    near = await facts.holding(memory, now.page_id, about=names, most=KNOWN) if names else []
    more = await facts.holding(memory, now.page_id, most=KNOWN) if len(near) < KNOWN else []
    return list({fact.id: fact for fact in (*near, *more)}.values())[:KNOWN]


def _content(now: UnreadPast) -> Literal["dialogue", "narration"]:
    return "dialogue" if now.memory.story_id is None else "narration"


class PlotDraft(BaseModel):
    """The notes on a story as of a page."""

    page_id: int
    notes: PlotNotes


class PlotsFound(BaseModel):
    """The notes of a run, one for each part of the story that was summarised now."""

    drafts: list[PlotDraft] = []


class FollowPlot(Step):
    """Bring the notes on a story up to date."""

    name: ClassVar[str] = "follow_plot"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return `PlotsFound`."""
        found = PlotsFound()
        now = await recalled(run)
        if now.memory.story_id is None or now.page_id is None:
            return found.model_dump()
        notes: PlotNotes | None = None
        for place in _new_places(run):
            pages = now.of(place)
            if notes is None:
                notes = await _notes_before(now, pages[0])
            written = await call(run, now, ExtractPlot(), _plot_inputs(now, notes, pages))
            if written is None:
                continue
            notes = written
            found.drafts.append(PlotDraft(page_id=pages[-1].id, notes=notes))
        return found.model_dump()


async def _notes_before(now: UnreadPast, page: PastText) -> PlotNotes:
    assert now.page_id is not None
    latest = await plots.before(page.id)
    try:
        return PlotNotes() if latest is None else PlotNotes.model_validate(latest.content)
    except ValueError:
        return PlotNotes()  # of another release


def _plot_inputs(now: UnreadPast, notes: PlotNotes, pages: Sequence[PastText]) -> Any:
    texts = [without(page.text, now.memory.forgotten) for page in pages]
    return lambda size: PlotInputs(notes=notes, pages=fitted(texts, size, "narration"), language=now.language)


class AnswerDraft(BaseModel):
    """The answer to a tracked question as of a page or message; ``verdict``: on the question, once it was judged."""

    question_id: int
    text: str
    page_id: int | None
    message_id: int | None


class AnswersFound(BaseModel):
    """The answers of a run, and the questions that were refused."""

    drafts: list[AnswerDraft] = []
    refused: list[int] = []
    more: bool = False


class AnswerQuestions(Step):
    """Answer the tracked questions that are due."""

    name: ClassVar[str] = "answer_questions"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return `AnswersFound`."""
        found = AnswersFound()
        now = await recalled(run)
        asked = await tracked.questions(now.memory.id, now.page_id)
        lines = await _recent(now) if asked else []
        if not lines:
            return found.model_dump()
        due = [question for question in asked if _is_due(question, lines)]
        for at, question in enumerate(due):
            if at >= QUESTIONS or (at and await busy()):
                found.more = True
                break
            reply = await call(run, now, AnswerTracked(), _question_inputs(now, question, lines))
            if reply is None:
                found.refused.append(question.id)
                continue
            end = lines[-1].id
            page, message = (end, None) if now.page_id is not None else (None, end)
            found.drafts.append(AnswerDraft(question_id=question.id, text=reply.text, page_id=page, message_id=message))
        return found.model_dump()


async def _recent(now: UnreadPast) -> list[PastText]:
    memory = now.memory
    if now.page_id is not None:
        return await past.last_pages(now.page_id, PAGES.chunk * 12)
    if memory.conversation_id is None or memory.persona_id is None or memory.epoch is None:
        return []
    return await past.last_messages(memory.conversation_id, memory.persona_id, memory.epoch, RECENT_MESSAGES * 8)


def _is_due(question: Tracked, lines: Sequence[PastText]) -> bool:
    """Return whether so many pages or exchanges have come since a question's last answer."""
    if not question.answer:
        return True
    answered = question.page_id if question.page_id is not None else question.message_id
    place = next((at for at, line in enumerate(lines) if line.id == answered), None)
    since = lines if place is None else lines[place + 1 :]
    return len({line.said for line in since}) >= question.every


def _question_inputs(now: UnreadPast, question: Tracked, lines: Sequence[PastText]) -> Any:
    recent = lines[-(RECENT_PAGES if now.page_id is not None else RECENT_MESSAGES) :]
    texts = [without(line.text, now.memory.forgotten) for line in recent]
    speakers = [line.speaker or (now.persona if line.role == "persona" else "") for line in recent]

    def inputs(size: int) -> TrackedInputs:
        told = zip(speakers, fitted(texts, size, _content(now)), strict=True)
        return TrackedInputs(
            question=question.question,
            subject=question.subject,
            previous=question.answer,
            lines=[FactLine(speaker=speaker, text=text) for speaker, text in told],
        )

    return inputs


FACTS_VERSION: Final = f"{ExtractFacts.name} {extract_facts.VERSION}"
PLOT_VERSION: Final = f"{ExtractPlot.name} {extract_plot.VERSION}"
ANSWER_VERSION: Final = f"{AnswerTracked.name} {answer_tracked.VERSION}"
