"""How a text came to be shown, and what that says of a model."""

from typing import Any

import pytest

from db.usage import FunctionRun
from workers.trials.verdict import AcceptanceKind, acceptance, fitness


def run(result: str = "", *, engine: str = "llama", steps: tuple[str, ...] = (), seconds: float = 1.0) -> FunctionRun:
    receipt: dict[str, Any] = {"craft": {"result": result}} if result else {}
    return FunctionRun("write_page", "done", engine, "m", [{"step": step} for step in steps], receipt, 1, 1, seconds)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (run("at_once"), AcceptanceKind.AT_ONCE),
        (run("mended"), AcceptanceKind.MENDED),
        (run("again"), AcceptanceKind.AGAIN),
        (run("next", engine="remote"), AcceptanceKind.HANDED_ON),
        (run("offline", engine="template"), AcceptanceKind.OFFLINE),
        # What nobody examines.
        (run(), AcceptanceKind.AT_ONCE),
        (run(steps=("request", "repaired")), AcceptanceKind.AGAIN),
        (run(steps=("request", "fallback", "response")), AcceptanceKind.HANDED_ON),
        (run(engine="template"), AcceptanceKind.OFFLINE),
    ],
)
def test_how_a_text_came_to_be_shown(found: FunctionRun, expected: AcceptanceKind) -> None:
    assert acceptance(found) is expected


@pytest.mark.parametrize(
    ("own", "word"), [(10, "fit"), (9, "fit"), (8, "usable"), (6, "usable"), (5, "unfit"), (0, "unfit")]
)
def test_what_a_model_is_fit_for(own: int, word: str) -> None:
    runs = [run("mended")] * own + [run("offline", engine="template", seconds=2.0)] * (10 - own)
    found = fitness("stories", runs)
    assert (found.word, found.own, found.total) == (word, own, 10)
    assert f"{own} of 10 by the model" in found.describe()


def test_its_time_is_all_that_it_took() -> None:
    found = fitness("stories", [run("at_once"), run("offline", engine="template", seconds=5.0)])
    assert found.describe() == "1 of 2 by the model, 6.0 s each (1 at once, 1 by the template)"
    assert fitness("chat", []).word == "unfit"
