"""What of a prompt is the product's own, and that nothing else is ever counted in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from prompts.errors import PromptInvalid
from prompts.personas import load_personas
from prompts.product import CARD_FIELDS, NOT_OURS
from prompts.registry import PromptRegistry, default_registry
from prompts.render import render
from prompts.template import PromptInput, PromptMessage

CANARY = "canary-7f3a"
NAMES = [name for name in default_registry().names() if name.startswith(("persona/", "story/"))]
INNER = {"persona/recall", "persona/go_on"}
"""Prompts that become part of a person's message in another prompt, behind its rules."""


def card(index: int) -> dict[str, Any]:
    return {name: value for name, value in load_personas()[index].card().items() if name in CARD_FIELDS}


def value(spec: PromptInput, text: str) -> Any:
    match spec.type:
        case "text":
            return text
        case "integer" | "number":
            return 3
        case "boolean":
            return True
        case "mapping":
            return {"text": text}
        case "list":
            return [text]


def filled(name: str, text: str, *, optional: bool) -> dict[str, Any]:
    inputs = default_registry().get(name).inputs
    values = {key: value(spec, text) for key, spec in inputs.items() if spec.required or optional}
    turns = {
        section.variable: [{"role": "user", "text": text}]
        for section in default_registry().get(name).sections
        if section.variable
    }
    pages = {key: [{"text": text, "choice": text}] for key in inputs if key.endswith("pages")}
    threads = {key: [{"title": text, "open": True}] for key in values if key == "threads"}
    lines = {key: [{"speaker": text, "text": text}] for key in values if key == "lines"}
    return values | turns | pages | threads | lines


async def chat(persona: Mapping[str, Any], **others: Any) -> tuple[PromptMessage, ...]:
    history = [{"role": "user", "text": CANARY}]
    values = {**persona, "user_name": CANARY, "history": history, "language": CANARY, **others}
    return await render(default_registry().get("persona/answer"), values)


def registry(folder: Path, body: str) -> PromptRegistry:
    (folder / "story").mkdir()
    header = "name: story/x\nversion: 1\npurpose: p\ninputs:\n"
    for name in ("a", "name", "scenario"):
        header += f"  {name}: {{type: text, description: d, required: false}}\n"
    header += "  history: {type: list, description: d, required: false}\n"
    (folder / "story" / "x.md.j2").write_text(f"---\n{header}---\n{body}")
    return PromptRegistry(folder)


@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("name", NAMES)
async def test_no_value_is_ever_shared(name: str, optional: bool) -> None:
    template = default_registry().get(name)
    one = await render(template, filled(name, CANARY, optional=optional))
    other = await render(template, filled(name, "quite another", optional=optional))
    assert any(CANARY in message.text for message in one)
    for message in one:
        assert CANARY not in message.text[: message.shared]
    assert [m.text[: m.shared] for m in one] == [m.text[: m.shared] for m in other]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in INNER])
async def test_the_rules_come_first_and_are_shared(name: str) -> None:
    values = {key: given for key, given in filled(name, CANARY, optional=True).items() if key not in NOT_OURS}
    system = (await render(default_registry().get(name), values))[0]
    assert system.shared > 600
    assert system.text[: system.shared].endswith("\n")
    # What differs is short: no rule stands behind it.
    assert len(system.text) - system.shared < 550


@pytest.mark.parametrize("index", range(3))
async def test_a_shipped_persona_is_shared_to_its_end_and_not_a_word_further(index: int) -> None:
    system, said = await chat(card(index))
    shared = system.text[: system.shared]
    assert shared.rstrip().endswith(card(index)["example_dialogue"])
    assert CANARY in system.text[system.shared :]
    assert (said.text, said.shared) == (CANARY, 0)


@pytest.mark.parametrize("field", CARD_FIELDS)
async def test_a_shipped_persona_that_was_changed_shares_the_rules_only(field: str) -> None:
    original = card(0)
    known = original.get(field, "")
    theirs = [*known, CANARY] if isinstance(known, list) else known + CANARY
    system = (await chat({**original, field: theirs}))[0]
    rules = (await chat({"name": CANARY}))[0]
    assert system.shared == rules.shared
    assert "You are" not in system.text[: system.shared].split("\n")[-1]
    mixed = (await chat({**original, field: card(1).get(field, CANARY)}))[0]
    assert mixed.shared == rules.shared


async def test_a_card_that_replaces_the_rules_shares_nothing() -> None:
    replaced = (await chat({**card(0), "system_before": CANARY, "overridden": True}))[0]
    assert (replaced.shared, "Keep to the content rating" in replaced.text) == (0, True)
    around = (await chat({**card(0), "system_before": CANARY, "system_after": "Be brief."}))[0]
    assert around.text.index(CANARY) < around.text.index("Rules") < around.text.index("Be brief.")
    behind = (await chat({**card(0), "system_after": "Be brief."}))[0]
    assert behind.shared == (await chat({"name": CANARY}))[0].shared


async def test_a_rating_stands_behind_the_persona() -> None:
    plain, rated = (await chat(card(2)))[0], (await chat(card(2), rating="teen"))[0]
    assert plain.shared == rated.shared
    assert rated.text[rated.shared :].startswith("Content rating: teen.\n")


@pytest.mark.parametrize("origin", ["account", "persona", "task"])
@pytest.mark.parametrize("whole", [True, False])
async def test_an_override_shares_nothing(origin: str, whole: bool) -> None:
    name = "story/repair_choices"
    default = default_registry().get(name)
    # The same words as the product's, but they are the account's.
    source = default.source if whole else default.sections[0].source
    template = default_registry().resolve(name, "large", **{origin: source})
    values = filled(name, "x", optional=True)
    ours, theirs = await render(default, values), await render(template, values)
    assert [message.text for message in theirs] == [message.text for message in ours]
    assert ours[0].shared > 0
    assert [message.shared for message in theirs] == [0, 0]


CASES = {
    "nothing variable": ("--- system ---\nBe kind.\nBe brief.\n", "Be kind.\nBe brief."),
    "whole lines only": ("--- system ---\nBe kind.\nCall me {{ a }}.\n", "Be kind.\n"),
    "a variable first": ("--- system ---\n{{ a }}\nBe kind.\n", ""),
    "a condition": ("--- system ---\nOne.\n{% if a %}\nTwo.\n{% endif %}\nThree.\n", "One.\n"),
    "a constant in a condition": ("--- system ---\n{% if true %}\nOne.\n{% endif %}\n{{ a }}", "One.\n"),
    "a loop": ("--- system ---\nOne.\n{% for x in a %}\nTwo.\n{% endfor %}\n", "One.\n"),
    "a name of the template's own": ("--- system ---\nOne.\n{% set b = a %}\nTwo.\n{{ b }}\n", "One.\n"),
    "a name hidden by another": ("--- system ---\nOne.\n{% set name = a %}\n{{ name }}\n", "One.\n"),
    "white space at the ends": ("--- system ---\n\n  One.\n{{ a }}\n", "One.\n"),
}


@pytest.mark.parametrize("case", CASES)
async def test_where_the_products_words_end(case: str, tmp_path: Path) -> None:
    source, expected = CASES[case]
    template = registry(tmp_path, source).get("story/x")
    (message,) = await render(template, {"a": CANARY})
    assert message.text[: message.shared] == expected


async def test_a_message_shares_only_what_stands_behind_shared_messages(tmp_path: Path) -> None:
    rules = "--- system ---\nOne.\n--- user ---\nTwo.\n"
    template = registry(tmp_path, f"{rules}--- user ---\n{{{{ a }}}}\n--- user ---\nThree.\n").get("story/x")
    assert [m.shared for m in await render(template, {"a": CANARY})] == [4, 4, 0, 0]
    # The third is left out: now the fourth follows the second.
    assert [m.shared for m in await render(template, {})] == [4, 4, 6]


async def test_messages_of_people_share_nothing(tmp_path: Path) -> None:
    template = registry(tmp_path, "--- messages: history ---\n--- user ---\nGo on.\n").get("story/x")
    messages = await render(template, {"history": [{"role": "user", "text": "Go on."}]})
    assert [(m.text, m.shared) for m in messages] == [("Go on.", 0), ("Go on.", 0)]


def test_constructs_that_hide_their_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptInvalid, match="'include' is not available"):
        registry(tmp_path, "--- system ---\nOne.\n{% include 'x' %}\n")


async def test_what_an_override_leaves_of_the_default_is_not_shared_either(tmp_path: Path) -> None:
    prompts = registry(tmp_path, "--- system ---\nOne.\n--- user ---\nTwo.\n")
    assert [m.shared for m in await render(prompts.get("story/x"), {})] == [4, 4]
    left = await render(prompts.resolve("story/x", account="{% if false %}x{% endif %}"), {})
    assert left == (PromptMessage("user", "Two.", 0),)
