"""Which of an account's own texts a prompt is written with: the most specific, or the variant of a test."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from db.agents import SamplingChoice
from db.connection import row
from db.overrides import EVERYTHING, LEVELS, OWN, OwnPrompt, PromptScope
from db.records import build
from db.sampling import read_choices

CONTROL: Final = "A"
"""The label of the variant that is what there is without the test."""
_VARIANTS: Final = (
    "SELECT CASE WHEN t.job_type IS NOT NULL THEN 'job' WHEN t.persona_id IS NOT NULL THEN 'persona' ELSE 'account' "
    "END AS level, 'variant' AS kind, v.id, v.source, v.limit_hits, v.verdict, v.test_id, v.label, v.share "
    "FROM prompt_tests t JOIN prompt_variants v ON v.test_id = t.id WHERE t.account_id = $1 AND t.name = $2 "
    "AND t.ended_at IS NULL AND (t.persona_id IS NULL OR t.persona_id = $3) AND (t.job_type IS NULL OR t.job_type = $5)"
)
_CHOICES: Final = (
    "SELECT settings ->> 'text_model' AS model, jsonb_typeof(settings -> 'text_model') AS kind, "
    "(SELECT s.model FROM channel_settings s WHERE s.conversation_id = $6) AS channel_model, "
    "settings -> 'sampling' AS sampling, "
    f"(SELECT jsonb_agg(o) FROM ({OWN}) o) AS own, (SELECT jsonb_agg(v) FROM ({_VARIANTS}) v) AS variants "
    "FROM accounts WHERE id = $1"
)


@dataclass(frozen=True, slots=True)
class PromptVariant(OwnPrompt):
    """A variant of a running test, which writes ``share`` per cent of the conversations."""

    test_id: int
    label: str
    share: int


@dataclass(frozen=True, slots=True)
class InForce:
    """An account's choices for a text: its own prompt (None: the default), its text model ("" if none), how to sample.

    ``drawn`` is the variant of a test that this is.
    """

    own: OwnPrompt | None = None
    text_model: str = ""
    sampling: Mapping[str, SamplingChoice] = field(default_factory=dict[str, SamplingChoice])
    drawn: PromptVariant | None = None


async def in_force(
    account_id: int,
    name: str,
    about: PromptScope = EVERYTHING,
    unit: str = "",
    conversation_id: int | None = None,
) -> InForce:
    """Return an account's choices for a text written from a prompt by a job that is ``about`` something.

    ``unit`` names the conversation or story that keeps to one variant of a test; ``conversation_id`` is where the job
    was asked for: a channel's own model goes before the account's.
    """
    found = await row(_CHOICES, account_id, name, about.persona_id, about.story_id, about.job_type, conversation_id)
    if found is None:
        return InForce()
    own = [build(OwnPrompt, each) for each in json.loads(found["own"] or "[]")]
    variants = [build(PromptVariant, each) for each in json.loads(found["variants"] or "[]")]
    chosen, drawn = choose(own, variants, unit)
    model = found["channel_model"] or (found["model"] if found["kind"] == "string" else "")
    return InForce(chosen, model, read_choices(found["sampling"]), drawn)


def choose(
    own: Sequence[OwnPrompt], variants: Sequence[PromptVariant], unit: str
) -> tuple[OwnPrompt | None, PromptVariant | None]:
    """Return the text that is used, None for the default, and the variant of a test that this is, if any.

    What is for something more specific than a test goes before it. A variant that may not be used, or not yet, writes
    nothing: its conversations get what there is without the test, and count for no variant.
    """
    usable = {each.level: each for each in own if each.usable}
    for number, level in enumerate(LEVELS):
        if tested := [each for each in variants if each.level == level]:
            drawn = draw(tested, unit)
            if drawn.label != CONTROL and drawn.usable:
                return drawn, drawn
            without = next((usable[each] for each in LEVELS[number:] if each in usable), None)
            return without, drawn if drawn.label == CONTROL else None
        if level in usable:
            return usable[level], None
    return None, None


def draw(variants: Sequence[PromptVariant], unit: str) -> PromptVariant:
    """Return the variant of a test by which a conversation or story is written: always the same.

    A variant that is added later takes its share from the control alone.
    """
    control, *others = sorted(variants, key=lambda variant: variant.label)
    digest = sha256(f"{control.test_id}:{unit}".encode()).digest()
    point = int.from_bytes(digest[:8]) % 100
    for variant in others:
        if point < variant.share:
            return variant
        point -= variant.share
    return control
