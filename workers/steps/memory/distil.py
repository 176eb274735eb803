"""Write shorter forms of the texts that every prompt holds, where they are large for the model that will answer.

What a prompt is told of a card, a premise or the notes on a story is built here as for the next answer, without the
past: `Build.wanted` names the texts that a shorter form would help. Until there is one, an extract stands for it.
"""

from typing import Any, ClassVar, Final

from pydantic import BaseModel

from db.memory import plots, short_forms
from db.memory.short_forms import ShortForm, ShortKind
from workers.context.build import ElementTooLarge, PromptTooLarge, Wanted
from workers.context.elements import Container, content_key
from workers.context.layers import Window
from workers.functions.answer_as_persona import AnswerAsPersona, PersonaInputs
from workers.functions.memory.extract_plot import PlotNotes
from workers.functions.memory.summarise import (
    LEAST_WORDS,
    MOST_WORDS,
    TOKENS_PER_WORD,
    VERSION,
    LabelledText,
    Summarise,
    SummariseDialogue,
    SummariseInputs,
    SummariseNarration,
    SummarisePlot,
    SummariseSheet,
)
from workers.functions.sampling import SHARE_OF_WINDOW
from workers.functions.write_page import PageInputs, WritePage
from workers.steps.base import Run, Step
from workers.steps.memory.calls import busy, call, fitted
from workers.steps.memory.recall import UnreadPast, recalled, without

MOST: Final = 2
"""Texts of one run: what is left is done by the next."""
WORDS_PER_TOKEN: Final = 0.6
"""Rough: a shorter form is counted before it is told."""
TAKEN: Final = 3
"""A third of the window is taken by the answer and the prompt's own words here: what is wanted needs no exact count."""
FUNCTIONS: Final[dict[ShortKind, Summarise]] = {
    "dialogue": SummariseDialogue(),
    "narration": SummariseNarration(),
    "plot": SummarisePlot(),
    "sheet": SummariseSheet(),
}


class ShortDraft(BaseModel):
    """A shorter form that was written."""

    key: str
    kind: ShortKind
    text: str
    version: str


class Distilled(BaseModel):
    """The shorter forms of a run; ``keys`` are the texts that there are, None if that is not known."""

    drafts: list[ShortDraft] = []
    keys: list[str] | None = None
    more: bool = False


class DistilTexts(Step):
    """Write the shorter forms that are wanted."""

    name: ClassVar[str] = "distil_texts"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return `Distilled`."""
        now = await recalled(run)
        done = Distilled()
        known = {
            form.key: form.text for form in await short_forms.of(now.memory.id) if form.version == _version(form.kind)
        }
        container = await _container(now, known)
        limits = await run.services.text.limits("chat" if container.chat else "writer")
        if limits.engine is None:
            return done.model_dump()  # an extract will do
        done.keys = [content_key(each.text, each.content) for each in container.elements if each.text.strip()]
        size = run.services.context.size_of(limits.context)
        try:
            build = await run.services.context.build(container, Window(size, size // TAKEN), limits)
        except (ElementTooLarge, PromptTooLarge):
            return done.model_dump()
        texts = {each.id: each.text for each in container.elements}
        for at, wanted in enumerate(build.wanted):
            if at >= MOST or (at and await busy()):
                done.more = True
                break
            words = words_of(wanted.tokens, size)
            if (draft := await _short_form(run, now, wanted, texts[wanted.id], words)) is not None:
                done.drafts.append(draft)
        return done.model_dump()


async def _container(now: UnreadPast, known: dict[str, str]) -> Container:
    """Return what every prompt of the story or chat holds, without its past."""
    card, premise = await short_forms.told_always(now.memory.id)
    if now.memory.story_id is None:
        return AnswerAsPersona().context(
            PersonaInputs(
                persona=card, user_name="", language="", message="", history=[], seed=0, variant=0, shorter=known
            )
        )
    latest = None if now.page_id is None else await plots.latest(now.page_id)
    try:
        notes = PlotNotes() if latest is None else PlotNotes.model_validate(latest.content)
    except ValueError:
        notes = PlotNotes()  # of another release
    return WritePage().context(
        PageInputs(
            title="", premise=premise, genre="", language=now.language, rating="sfw", seed=0, variant=0,
            page_number=1, path=[], pages=[], plot=notes, shorter=known,
        )
    )  # fmt: skip


def words_of(tokens: int, window: int) -> int:
    """Return the words of a shorter form of about ``tokens``, which a layer has room for.

    No more than an answer in this window may have.
    """
    most = min(MOST_WORDS, int(window // SHARE_OF_WINDOW / TOKENS_PER_WORD))
    return max(min(round(tokens * WORDS_PER_TOKEN), most), LEAST_WORDS)


async def _short_form(run: Run, now: UnreadPast, wanted: Wanted, text: str, words: int) -> ShortDraft | None:
    function = FUNCTIONS[wanted.content]
    kept = without(text, now.memory.forgotten)

    def inputs(size: int) -> SummariseInputs:
        (shorter,) = fitted([kept], size, function.content)
        return SummariseInputs(passages=[LabelledText(text=shorter)], language=now.language, words=words)

    written = await call(run, now, function, inputs)
    if written is None or len(written.text) >= len(text):
        return None
    return ShortDraft(key=wanted.key, kind=wanted.content, text=written.text, version=_version(wanted.content))


def _version(kind: ShortKind) -> str:
    return f"{FUNCTIONS[kind].name} {VERSION}"


def form_of(draft: ShortDraft) -> ShortForm:
    """Return what is stored of a draft."""
    return ShortForm(draft.key, draft.kind, draft.text, draft.version)
