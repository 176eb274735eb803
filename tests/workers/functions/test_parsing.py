"""What models really answer when they are asked for JSON."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tests.effort import times
from workers.engines.text.reasoning import strip_reasoning
from workers.functions.json_limits import MAX_CHARS, MAX_DEPTH
from workers.functions.parsing import ParseFailed, parse_json, partial_json


class Choice(BaseModel):
    text: str
    kind: Literal["bold", "careful", "curious"] = "bold"


class Page(BaseModel):
    page: str = Field(min_length=1)
    choices: list[Choice]


GOOD = '{"page": "The door opens.", "choices": [{"text": "Go in."}, {"text": "Turn back."}]}'


@dataclass(frozen=True)
class Case:
    """An answer, and the page's text and number of choices that must be found in it."""

    name: str
    answer: str
    page: str = "The door opens."
    choices: int = 2


CASES = [
    Case("plain", GOOD),
    Case("spaces around", f"\n\n  {GOOD}  \n"),
    Case("fenced", f"```json\n{GOOD}\n```"),
    Case("fenced without language", f"```\n{GOOD}\n```"),
    Case("fenced, upper case, carriage returns", f"```JSON\r\n{GOOD}\r\n```"),
    Case("fence never closed", f"Here you are:\n```json\n{GOOD}"),
    Case("prose around a fence", f"Sure! Here is your page:\n\n```json\n{GOOD}\n```\n\nLet me know what you think!"),
    Case("prose before", f"Of course. {GOOD}"),
    Case("prose after", f"{GOOD}\n\nI hope you like it :-)"),
    Case("prose with braces before", f"The format {{page, choices}} it is: {GOOD}"),
    Case("prose with braces after", f"{GOOD}\nI filled {{page}} and {{choices}}."),
    Case("thoughts before", f"<think>They want JSON like {{'page': 1}}.</think>\n{GOOD}"),
    Case("thoughts with an example", f'<think>Maybe {{"page": "x", "choices": []}}?</think>{GOOD}'),
    Case("opening tag of thoughts missing", f"They want JSON.</think>\n{GOOD}"),
    Case("other thinking tag", f"<Thinking>\nhm\n</Thinking>{GOOD}"),
    Case("single quotes", GOOD.replace('"', "'")),
    Case(
        "python literal",
        "{'page': 'The door opens.', 'choices': [{'text': 'Go in.'}, {'text': 'Turn back.'}], 'x': None}",
    ),
    Case("unquoted keys", '{page: "The door opens.", choices: [{text: "Go in."}, {text: "Turn back."}]}'),
    Case("trailing commas", '{"page": "The door opens.", "choices": [{"text": "Go in.",}, {"text": "Turn back."},],}'),
    Case(
        "comments",
        '{"page": "The door opens.", // the text\n "choices": [{"text": "Go in."}, /* two */ {"text": "Turn back."}]}',
    ),
    Case("missing comma", '{"page": "The door opens." "choices": [{"text": "Go in."} {"text": "Turn back."}]}'),
    Case("last braces missing", GOOD[:-2]),
    Case("cut in the last choice", '{"page": "The door opens.", "choices": [{"text": "Go in."}, {"text": "Turn ba'),
    Case("cut in a fence", f"```json\n{GOOD[:-4]}"),
    Case("raw line breaks in a string", '{"page": "The door\nopens.", "choices": []}', "The door\nopens.", 0),
    Case("raw tab in a string", '{"page": "The\tdoor", "choices": []}', "The\tdoor", 0),
    Case(
        "quotes in a string, not escaped",
        '{"page": "She said "come" and left.", "choices": []}', 'She said "come" and left.', 0,
    ),
    Case("braces in a string", '{"page": "A rune: {x} }", "choices": []} bye', "A rune: {x} }", 0),
    Case("curly quotes", GOOD.replace('{"page"', "{“page”").replace('"choices"', "“choices”")),
    Case("escaped unicode", '{"page": "\\u95e8\\u5f00\\u4e86", "choices": []}', "门开了", 0),
    Case("broken escape", '{"page": "C:\\door", "choices": []}', "C:\\door", 0),
    Case("surplus brace", GOOD + "}"),
    Case("wrapped in a list", f"[{GOOD}]"),
    Case("wrapped in an object", f'{{"response": {GOOD}}}'),
    Case("additional keys", GOOD[:-1] + ', "mood": "dark", "n": 1e5}'),
    Case("two objects, the second fits", f'{{"thought": "hm"}}\n{GOOD}'),
    Case("two that fit, the first counts", f'{GOOD}\n{{"page": "Other.", "choices": []}}'),
    Case("byte order mark", f"\ufeff{GOOD}"),
    Case("escaped quotes everywhere", '{"page": "\\"Come\\", he said.", "choices": []}', '"Come", he said.', 0),
    Case("keyword fence", f"```javascript\n{GOOD}\n```"),
    Case("label", f"Output: {GOOD}"),
    Case("literal assistant turn", f"assistant\n{GOOD}<|im_end|>"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_broken_answers(case: Case) -> None:
    page = await parse_json(case.answer, Page)
    assert page.page == case.page
    assert len(page.choices) == case.choices


@dataclass(frozen=True)
class Hopeless:
    name: str
    answer: str
    problem: str


HOPELESS = [
    Hopeless("empty", "", "empty"),
    Hopeless("only thoughts", "<think>What do they want? {", "empty"),
    Hopeless("prose", "I am sorry, I cannot do that.", "no JSON object with the keys page, choices"),
    Hopeless("missing key", '{"page": "x"}', "choices: Field required"),
    Hopeless("wrong type", '{"page": "x", "choices": 17}', "choices: Input should be a valid list"),
    Hopeless("wrong value", '{"page": {"a": 1}, "choices": []}', "page: Input should be a valid string"),
    Hopeless("empty text", '{"page": "", "choices": []}', "page: String should have at least 1 character"),
    Hopeless("deep list", "[" * 100_000, "nested"),
    Hopeless("deep object", '{"page":' * 50_000, "nested"),
    Hopeless("deep, in prose", "Here: " + '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "nested"),
    Hopeless("huge number", '{"page": ' + "9" * 1_000_000 + ', "choices": []}', "digits"),
    Hopeless("a list of numbers", "[1, 2, 3]", "Input should be"),
    Hopeless("quotes only", '"' * 10_000, "no JSON object"),
]  # fmt: skip


@pytest.mark.parametrize("case", HOPELESS, ids=lambda case: case.name)
async def test_hopeless_answers(case: Hopeless) -> None:
    with pytest.raises(ParseFailed) as caught:
        await parse_json(case.answer, Page)
    assert case.problem in caught.value.problem
    assert len(caught.value.problem) < 1000


@given(st.text(st.characters(exclude_categories=()), max_size=300))
async def test_nothing_else_is_ever_raised(text: str) -> None:
    with pytest.raises(ParseFailed):
        await parse_json(text.replace("page", ""), Page)


@given(st.text(min_size=1, max_size=80), st.lists(st.text(max_size=40), max_size=4), st.booleans())
@example("\f", ["<THINK>"], False)
@example("<THINK>", [], False)
@example("before </think> after", ["<reasoning>"], True)
async def test_what_was_valid_stays_what_it_was(page: str, choices: list[str], fenced: bool) -> None:
    answer = json.dumps({"page": page, "choices": [{"text": text} for text in choices]}, ensure_ascii=not fenced)
    parsed = await parse_json(f"```json\n{answer}\n```" if fenced and "`" not in answer else answer, Page)
    assert parsed.page == page.replace("\x00", "")
    assert [choice.text for choice in parsed.choices] == [text.replace("\x00", "") for text in choices]


@given(st.integers(1, len(GOOD)))
async def test_cut_anywhere_never_hurts(keep: int) -> None:
    with contextlib.suppress(ParseFailed):
        assert "The door opens.".startswith((await parse_json(GOOD[:keep], Page)).page)


@pytest.mark.parametrize("hostile", ["<think>", "<think>a</think>b", "{a ", '{"a" ', "it's {'", "```{a", '\\"', "[1,"])
async def test_hostile_answers_cost_little(hostile: str) -> None:
    started = time.thread_time()
    with pytest.raises(ParseFailed):
        await parse_json(hostile * (1_000_000 // len(hostile)), Page)
    assert time.thread_time() - started < 3


QUADRATIC = '{"a" ' + 'a" ' * 4000
"""Some seconds of json_repair's time."""


async def test_what_takes_too_long_to_repair_is_given_up_off_the_loop() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.02)
            ticks += 1

    ticking = asyncio.create_task(tick())
    with pytest.raises(ParseFailed):
        await parse_json((QUADRATIC * 3)[:MAX_CHARS], Page)
    ticking.cancel()
    assert ticks > 10, "the loop stood still"
    assert (await parse_json(GOOD[:-2], Page)).page == "The door opens."


def test_a_worker_itself_repairs_nothing() -> None:
    code = "import sys; import workers.functions.engine, workers.registries; print('json_repair' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"title": "A", "text": "The door op', "The door op"),
        ('{"text": "The door\nopens', "The door\nopens"),
        ('{"text": "a\\u00', "a"),
        ('```json\n{"text": "The', "The"),
        ('{"text": "She said "come" and', "She said "),
        ('{"tit', None),
        ("", None),
        ("Once upon a time", None),
        ("[1, 2", None),
        ('{"a":' * 20_000, None),
        (QUADRATIC, None),
        ('{"text": ' + "9" * 10_000, None),
    ],
)
def test_what_may_be_shown_of_an_unfinished_answer(text: str, shown: str | None) -> None:
    assert partial_json(text).get("text") == shown


@given(st.text(alphabet='{}[]":,\\a1 \n', max_size=400))
def test_a_preview_never_raises(text: str) -> None:
    partial_json(text)


@settings(max_examples=times(20, 60), deadline=None)
@given(st.text(alphabet="{}[]\":,\\a1'`</> \n", max_size=200))
async def test_an_answer_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ParseFailed):
        await parse_json(text, Page)


async def test_what_is_too_long_is_cut_at_a_word() -> None:
    class Short(BaseModel):
        page: str = Field(max_length=12)
        tags: list[str] = Field(max_length=2)

    found = await parse_json('{"page": "The door opens slowly", "tags": ["a", "b", "c"]}', Short)
    assert found == Short(page="The door …", tags=["a", "b"])


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>a</think>b", "b"),
        ("a</think>b", "b"),
        ("a<think>b", "a"),
        ("<think>a</think><think>b</think> c", "c"),
        ("plain", "plain"),
    ],
)
def test_strip_reasoning(text: str, rest: str) -> None:
    assert strip_reasoning(text) == rest
