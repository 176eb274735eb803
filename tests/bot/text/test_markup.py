from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.markup import Span, parse, pick, plain


class Case(NamedTuple):
    text: str
    spans: list[Span]


CASES = {
    "plain": Case("A quiet harbour.", [Span("A quiet harbour.")]),
    "empty": Case("", []),
    "italic star": Case("She *nods* once.", [Span("She "), Span("nods", italic=True), Span(" once.")]),
    "italic underscore": Case("_Really?_", [Span("Really?", italic=True)]),
    "bold": Case("the **red** door", [Span("the "), Span("red", bold=True), Span(" door")]),
    "both": Case("***now***", [Span("now", bold=True, italic=True)]),
    "italic in bold": Case("**a *b* c**", [Span("a ", True), Span("b", True, True), Span(" c", True)]),
    "bold in italic": Case("*a **b***", [Span("a ", italic=True), Span("b", True, True)]),
    "lonely star": Case("rated 5* by all", [Span("rated 5* by all")]),
    "lonely opener": Case("*not closed", [Span("*not closed")]),
    "bold closed by one": Case("**half*", [Span("**half*")]),
    "italic closed by two": Case("*half**", [Span("half", italic=True), Span("*")]),
    "sum": Case("2 * 3 * 4 and 2*3*4", [Span("2 * 3 * 4 and 2*3*4")]),
    "snake case": Case("the file my_old_map", [Span("the file my_old_map")]),
    "dunder": Case("__init__", [Span("__init__")]),
    "rule": Case("**** and *****", [Span("**** and *****")]),
    "crossed": Case("*a _b* c_", [Span("a _b", italic=True), Span(" c_")]),
    "over a line": Case("*a\nb*", [Span("a\nb", italic=True)]),
    "not over a paragraph": Case("*a\n\nb*", [Span("*a\n\nb*")]),
    "without spaces": Case("他*笑*了", [Span("他"), Span("笑", italic=True), Span("了")]),
    "in quotes": Case('"*Go!*"', [Span('"'), Span("Go!", italic=True), Span('"')]),
    "bullet": Case("* one\n* two", [Span("* one\n* two")]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_spans(case: Case) -> None:
    assert parse(case.text) == case.spans


@given(st.text(alphabet="ab *_\n", max_size=60))
def test_only_marks_are_taken_away(text: str) -> None:
    spans = parse(text)
    kept = plain(spans)
    letters = iter(text)
    assert all(char in letters for char in kept), "the text is not a subsequence"
    assert [c for c in kept if c not in "*_"] == [c for c in text if c not in "*_"]
    assert all(span.text for span in spans)
    assert all((a.bold, a.italic) != (b.bold, b.italic) for a, b in pairwise(spans))


@given(st.text(alphabet="ab *", max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_pick_is_a_slice_with_its_styles(text: str, start: int, end: int) -> None:
    spans = parse(text)
    assert plain(pick(spans, start, end)) == plain(spans)[start:end]


def test_pick_keeps_the_style_of_a_cut_span() -> None:
    assert pick(parse("one **two three** four"), 6, 11) == [Span("o thr", bold=True)]
