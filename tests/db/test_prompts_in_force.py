"""Which text a prompt is written with: the most specific one, or the variant that a conversation has drawn."""

from collections import Counter

import pytest

from db.overrides import LIMIT_HITS, OwnPrompt, PromptKind, PromptLevel
from db.prompts_in_force import PromptVariant, choose, draw


def own(level: PromptLevel, verdict: str = "checked", hits: int = 0) -> OwnPrompt:
    kind: PromptKind = "task" if level in {"story", "job"} else "override"
    return OwnPrompt(level, kind, 1, level, hits, verdict)  # type: ignore[arg-type]


def variant(
    label: str, share: int, level: PromptLevel = "account", verdict: str = "checked", hits: int = 0
) -> PromptVariant:
    return PromptVariant(level, "variant", ord(label), label, hits, verdict, 7, label, share)  # type: ignore[arg-type]


ALL = ("account", "persona", "job", "story")
TEST = (variant("A", 0), variant("B", 100))
"""A test that everybody is in."""
CONTROLS = (variant("A", 0), variant("B", 0))


@pytest.mark.parametrize(
    ("texts", "variants", "used", "counted"),
    [
        ([], (), None, None),
        ([own("account")], (), "account", None),
        ([own("account"), own("persona")], (), "persona", None),
        ([own("account"), own("persona"), own("job")], (), "job", None),
        ([own(level) for level in ALL], (), "story", None),  # type: ignore[arg-type]
        # What may not be used, or not yet, leaves the place to the next.
        ([own("account"), own("persona", "unchecked")], (), "account", None),
        ([own("account"), own("persona", hits=LIMIT_HITS)], (), "account", None),
        ([own("account", "refused")], (), None, None),
        # A test is one of the account's own texts, at its place.
        ([own("account")], TEST, "B", "B"),
        ([own("account"), own("persona")], TEST, "persona", None),
        ([own("account"), own("persona")], CONTROLS, "persona", None),
        ([own("account")], CONTROLS, "account", "A"),
        ([], CONTROLS, None, "A"),
        ([own("account")], [variant("A", 0, "job"), variant("B", 0, "job")], "account", "A"),
        ([own("persona")], [variant("A", 0, "job"), variant("B", 100, "job")], "B", "B"),
        # A variant that may not be used writes nothing, and nobody counts for it.
        ([own("account")], [variant("A", 0), variant("B", 100, verdict="unchecked")], "account", None),
        ([own("account")], [variant("A", 0), variant("B", 100, hits=LIMIT_HITS)], "account", None),
    ],
)
def test_the_text_that_is_used_and_the_variant_that_counts(
    texts: list[OwnPrompt], variants: list[PromptVariant], used: str | None, counted: str | None
) -> None:
    found, drawn = choose(texts, variants, "story:1")
    assert (found and found.source, drawn and drawn.label) == (used, counted)


def test_shares_are_kept_and_who_has_drawn_a_variant_keeps_it() -> None:
    units = [f"conversation:{n}" for n in range(4000)]
    before = {unit: draw([variant("A", 0), variant("B", 30)], unit).label for unit in units}
    after = {unit: draw([variant("C", 20), variant("A", 0), variant("B", 30)], unit).label for unit in units}
    counts = Counter(after.values())
    assert {label: round(10 * count / len(units)) for label, count in counts.items()} == {"A": 5, "B": 3, "C": 2}
    assert all(after[unit] == "B" for unit in units if before[unit] == "B")
