"""Results of tests of prompts: counts, and how far they can be trusted."""

from math import sqrt
from typing import Final

from bot.messages import Message, Table
from bot.views.base import ViewContext, ViewSpec
from db import prompt_tests
from db.payloads.account import PromptResults
from db.prompt_tests import VariantResult
from db.prompts_in_force import CONTROL

Z: Final = 1.959964
"""Standard deviations from the middle of a normal distribution between which 95 % of it lie."""


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share, 0 to 1: of none, everything.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927), 209–212. Unlike the usual interval it holds for few trials, and for
    shares near 0 and 1 (R. G. Newcombe, Statistics in Medicine 17 (1998), 857–872).
    """
    if trials == 0:
        return 0.0, 1.0
    middle = (hits + Z**2 / 2) / (trials + Z**2)
    half = Z / (trials + Z**2) * sqrt(hits * (trials - hits) / trials + Z**2 / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


async def results(view: ViewContext, payload: PromptResults) -> Message:
    """Compose the results of a test."""
    found = await prompt_tests.results(payload.account, payload.test)
    left = 100 - sum(each.share for each in found)
    columns = tuple(view.words(f"prompt.column_{name}") for name in ("variant", "share", "texts", "up", "again"))
    rows = tuple(_row(view, each, left if each.label == CONTROL else each.share) for each in found)
    return Message(
        view.words("prompt.test_explained"),
        title=view.words("prompt.results", name=payload.name),
        table=Table(columns, rows),
        footer=view.words("prompt.test_running" if payload.runs else "prompt.test_over", name=payload.name),
        private=True,
    )


def _row(view: ViewContext, result: VariantResult, share: int) -> tuple[str, ...]:
    state = "off" if result.off else result.verdict
    label = result.label if state == "checked" else f"{result.label} {view.words(f'prompt.variant_{state}')}"
    return (
        label,
        f"{share} %",
        str(result.texts),
        _share(view, result.up, result.up + result.down),
        _share(view, result.rerolls, result.texts),
    )


def _share(view: ViewContext, hits: int, trials: int) -> str:
    if trials == 0:
        return "–"
    low, high = (round(100 * each) for each in wilson_interval(hits, trials))
    return view.words("prompt.counted", hits=hits, trials=trials, share=round(100 * hits / trials), low=low, high=high)


VIEWS: Final = (ViewSpec(PromptResults, results),)
