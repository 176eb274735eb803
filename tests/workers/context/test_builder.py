"""Whatever there is to tell, what is told fits the window, holds what must be there, and breaks no word."""

import random
import re
from pathlib import Path

import pytest

from tests.doubles.word_counter import WordCounter
from tests.effort import times
from tests.models.smollm2 import smollm2
from tests.models.tiny_gguf import tiny_gguf
from tests.workers.context.cases import Case, GgufCounter, Measured, case, counters
from workers.context.build import Build, ElementTooLarge, Placed, PromptTooLarge
from workers.context.builder import ContextBuilder
from workers.context.counting import TokenCounter
from workers.context.elements import (
    Container,
    HistoryElement,
    MemoryElement,
    Past,
    PlotElement,
    RequestElement,
    content_key,
)
from workers.context.history import PAGES
from workers.context.layers import Window
from workers.context.selection import select
from workers.context.sentences import words
from workers.context.settings import ContextSettings

WORDS = WordCounter()


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TokenCounter]:
    model: Path = tiny_gguf(tmp_path_factory.mktemp("models"))
    return {**counters(model), "smollm2": GgufCounter(smollm2())}


@pytest.mark.parametrize("name", ["words", "bytes", "gguf", "smollm2"])
async def test_a_context_fits_whatever_there_is(name: str, tokenizers: dict[str, TokenCounter]) -> None:
    builder, counter, measure = ContextBuilder(), tokenizers[name], Measured(tokenizers[name])
    built = 0
    cases = times(10 if name == "smollm2" else 50, 10_000)
    for seed in range(cases):
        each = case(seed)
        try:
            build = await builder.build(each.container, each.window, counter, measure)
        except ElementTooLarge as e:
            await check_too_large(each, e, counter)
            continue
        except PromptTooLarge:
            assert each.window.limit < 300, seed
            continue
        built += 1
        try:
            assert build.prompt_tokens == await measure(build)
            assert (build.prompt_tokens or 0) <= each.window.size - each.window.answer
            check_elements(each.container, build)
            check_past(each.container.past, build)
        except AssertionError as e:
            raise AssertionError(f"case {seed} by {name}") from e
    assert built > cases * 0.7


async def check_too_large(each: Case, error: ElementTooLarge, counter: TokenCounter) -> None:
    (named,) = (e for e in select(each.container)[0] if e.id == error.element_id)
    assert named.priority == "high"
    assert [error.tokens] == await counter.count([named.text.strip()])
    assert error.limit < error.tokens


def check_elements(container: Container, build: Build) -> None:
    chosen, others = select(container)
    placed = {p.id: p for p in (*build.early, *build.late, *build.requests)}
    without_room = {o.id for o in build.left_out if o.reason == "no_room" and o.kind != "history"}
    assert set(placed) | without_room == {e.id for e in chosen}
    assert not set(placed) & without_room
    assert all(other in build.left_out for other in others)
    assert {e.id for e in chosen if e.priority == "high"} <= set(placed)
    if any(e.id in without_room and e.priority == "medium" for e in chosen):
        assert not [e.id for e in chosen if e.id in placed and e.priority == "low"]
    for p in placed.values():
        assert p.element is not None
        check_words(p, p.element.text)


def check_words(placed: Placed, source: str) -> None:
    """A shorter form consists of whole words, in their order."""
    if placed.form == "whole":
        assert placed.text.strip() == source.strip()
        return
    left = iter(word.strip() for word in words(source))
    for word in words(placed.text.removesuffix(" …").removeprefix("… ")):
        assert word.strip() in left, word


def check_past(past: Past, build: Build) -> None:
    recent = [p.first for p in build.recent]
    assert recent == list(range(build.cut, past.count)) or not recent
    told = [(p.first or 0, p.last or 0) for p in (*build.summaries, *build.recent)]
    gaps = [tuple(map(int, re.findall(r"\d+", o.id))) for o in build.left_out
            if o.kind == "history" and o.reason in ("no_room", "unknown")]  # fmt: skip
    covered = sorted([*told, *gaps])
    assert [n for first, last in covered for n in range(first, last + 1)] == list(range(past.count))
    for p in build.summaries:
        assert not any((p.first or 0) < jump <= (p.last or 0) for jump in past.jumps)
    texts = {item.id: item.text for item in past.items}
    for p in build.recent:
        check_words(p, texts[p.id])


def page(at: int, length: int = 100) -> HistoryElement:
    return HistoryElement(id=f"page:{at}", text=f"Page {at} begins. " + "It goes on. " * (length // 3), position=at)


def story(pages: int, *elements: PlotElement | MemoryElement | RequestElement, length: int = 100) -> Container:
    past = Past.of([page(at, length) for at in range(pages)], scale=PAGES, content="narration")
    return Container(agent="writer", phase="draft", elements=elements, past=past)


async def built(
    container: Container, size: int = 2400, answer: int = 200, builder: ContextBuilder | None = None
) -> Build:
    return await (builder or ContextBuilder()).build(container, Window(size, answer, fixed=100), WORDS)


async def test_a_short_past_is_there_word_by_word() -> None:
    build = await built(story(8))
    assert [p.id for p in build.recent] == [f"page:{at}" for at in range(8)]
    assert not build.summaries
    assert not build.left_out


async def test_of_a_long_past_the_newest_is_there_word_by_word_and_all_of_the_rest_in_short() -> None:
    build = await built(story(60))
    assert len(build.recent) >= 5
    assert build.recent[-1].id == "page:59"
    assert all(p.form == "whole" for p in build.recent)
    assert build.summaries[0].first == 0
    assert build.summaries[-1].last == build.cut - 1
    sizes = [(p.last or 0) - (p.first or 0) for p in build.summaries]
    assert sizes == sorted(sizes, reverse=True), "coarser the older"


async def test_the_past_moves_in_steps() -> None:
    builder = ContextBuilder()
    cuts = [(await built(story(pages), builder=builder)).cut for pages in range(20, 80)]
    assert cuts == sorted(cuts)
    assert len(set(cuts)) <= 60 / 4, "four pages at a time"


async def test_between_two_steps_a_prompt_only_grows() -> None:
    builder = ContextBuilder()
    before, grown = await built(story(40), builder=builder), 0
    for pages in range(41, 80):
        build = await built(story(pages), builder=builder)
        if build.cut == before.cut:
            grown += 1
            assert build.summaries == before.summaries
            assert build.recent[: len(before.recent)] == before.recent
        before = build
    assert grown > 25


async def test_the_beginning_of_a_prompt_changes_with_the_cut_alone() -> None:
    rng = random.Random(5)
    sizes = [rng.randint(60, 160) for _ in range(110)]
    builder, before, changes = ContextBuilder(), (0, ()), 0
    for count in range(1, 110):
        past = Past.of([page(at, sizes[at]) for at in range(count)], scale=PAGES, content="narration")
        container = Container(agent="writer", phase="draft", past=past)
        build = await builder.build(container, Window(2400, 200, fixed=100), WORDS)
        told = (build.cut, tuple((p.first, p.last, p.text) for p in build.summaries))
        changes += told != before
        assert told == before or build.cut > before[0], count
        before = told
    assert changes < 110 / 6


async def test_the_cut_moves_by_whole_chunks_and_leaves_the_newest_word_by_word() -> None:
    builder = ContextBuilder()
    for count in range(30, 90):
        build = await built(story(count), builder=builder)
        assert len(build.recent) == count - build.cut >= 5
        # Between chunks only where the next one begins within what is always there.
        assert build.cut % PAGES.chunk == 0 or len(build.recent) == 5


async def test_what_changes_from_turn_to_turn_does_not_move_the_past() -> None:
    container = story(40).model_copy(update={"varying": frozenset("E")})
    cuts: set[int] = set()
    for size in range(0, 120, 6):
        memory = MemoryElement(id="fact:1", text="It is so. " * (size // 3))
        cuts.add((await built(container.model_copy(update={"elements": (memory,)}))).cut)
    assert len(cuts) == 1


async def test_a_high_element_that_does_not_fit_is_distilled() -> None:
    premise = PlotElement(id="premise", priority="high", text="Tamsel keeps the light. " * 20 + "It rained. " * 2000)
    build = await built(story(3, premise))
    (placed,) = build.early
    assert placed.form == "distilled"
    assert "Tamsel keeps the light." in placed.text
    assert [wanted.id for wanted in build.wanted] == ["premise"]


async def test_one_that_cannot_be_distilled_is_named_with_its_size() -> None:
    premise = PlotElement(id="premise", label="Premise", priority="high", text="word " * 40_000)
    with pytest.raises(ElementTooLarge) as raised:
        await built(story(3, premise))
    error = raised.value
    assert (error.element_id, error.label, error.tokens) == ("premise", "Premise", 40_000)
    assert 0 < error.limit < 2400


async def test_a_known_shorter_form_is_taken_before_an_extract_is_made() -> None:
    plot = PlotElement(id="outline", text="Many things happened. " * 300)
    container = story(60, plot)
    assert [wanted.id for wanted in (await built(container)).wanted] == ["outline"]
    shorter = {content_key(plot.text, plot.content): "Much happened."}
    build = await built(container.model_copy(update={"shorter": shorter}))
    assert [p.text for p in build.early] == ["Much happened."]
    assert not build.wanted


async def test_pins_make_an_element_high_and_filters_leave_it_out() -> None:
    secret = PlotElement(id="secret", text="The keeper lies.", tags=frozenset({"secret"}), agents=frozenset({"rater"}))
    container = story(2, secret)
    assert [(o.id, o.reason) for o in (await built(container)).left_out] == [("secret", "agent")]
    pinned = container.model_copy(update={"pins": frozenset({"secret"})})
    assert [p.id for p in (await built(pinned)).early] == ["secret"]


async def test_a_build_records_no_text() -> None:
    build = await built(story(60, PlotElement(id="premise", text="A secret door.", label="Premise")))
    record = build.record()
    assert "secret" not in str(record)
    assert "begins" not in str(record)
    assert record["layers"]["C"]["used"] == sum(p.tokens for p in build.recent)
    assert {each["id"] for each in record["left_out"]} >= {f"history:0-{build.cut - 1}"}


async def test_pages_that_are_larger_than_the_window_are_squeezed_the_newest_least() -> None:
    build = await built(story(6, length=3000), size=1200)
    assert build.recent[-1].id == "page:5"
    assert build.recent[-1].form == "trimmed"
    assert build.recent[-1].text.endswith("It goes on.")


async def test_more_room_is_more_text() -> None:
    small, large = await built(story(60), 2400), await built(story(60), 9000)
    assert large.tokens > 2 * small.tokens
    assert len(large.recent) > len(small.recent)


async def test_parts_are_settings() -> None:
    container = story(60)
    window = Window(2400, 200, fixed=100)
    scarce = ContextSettings(story_recent=1, story_memory=40)
    fewer = await ContextBuilder(scarce).build(container, window, WORDS)
    usual = await built(container)
    assert fewer.layers["E"].share > usual.layers["E"].share
    assert len(fewer.recent) < len(usual.recent)


async def test_a_passage_of_what_is_told_word_by_word_is_not_told_twice() -> None:
    memories = [
        MemoryElement(id=f"archive:{at}", text=f"A passage of page {at}.", source=f"page:{at}") for at in (1, 59)
    ]
    build = await built(story(60, *memories))
    assert [p.id for p in build.placed if p.kind == "memory"] == ["archive:1"]
    assert [(o.id, o.reason) for o in build.left_out if o.kind == "memory"] == [("archive:59", "repeated")]
    assert build.tokens <= build.window.limit


async def test_what_was_not_there_in_time_is_recorded() -> None:
    build = await built(story(2).model_copy(update={"late": ("archive",)}))
    assert [(o["id"], o["reason"]) for o in build.record()["left_out"]] == [("archive", "late")]
