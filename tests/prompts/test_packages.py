"""Prompts of installed packages stand beside ours; a broken package is named and changes nothing."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prompts.errors import PromptNotFound
from prompts.registry import PromptRegistry, load_registry
from prompts.render import render
from tests.plugin_folder import install

SOURCE = "from importlib.resources import files\nprompts = files(__name__) / 'prompts'\nword = 'dice'\n"
ROLL = """---
name: dice/roll
version: 1
purpose: Say how the dice fell.
inputs:
  eyes: {type: integer, description: what they show}
---
--- user ---
The dice show {{ eyes }}.
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path in which packages are installed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("dice", "cards"):
        sys.modules.pop(name, None)


def write(folder: Path, package: str, name: str, text: str) -> None:
    path = folder / package / "prompts" / f"{name}.md.j2"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def test_a_packages_prompt_renders_like_ours(folder: Path) -> None:
    install(folder, "dice", SOURCE, {"storyfork.prompts": ["dice = dice:prompts"]})
    write(folder, "dice", "dice/roll", ROLL)
    registry = load_registry()
    assert registry.problems == []
    assert set(registry.names()) - set(PromptRegistry().names()) == {"dice/roll"}
    (message,) = await render(registry.get("dice/roll"), {"eyes": 6})
    assert message.text == "The dice show 6."
    assert registry.validate("dice/roll", "{{ eyes }}!").origin == "account"


def test_what_is_broken_is_named_and_the_others_stay(folder: Path) -> None:
    install(
        folder, "cards", SOURCE,
        {"storyfork.prompts": ["lost = nowhere:x", "typo = cards:word", "cards = cards:prompts"]},
    )  # fmt: skip
    write(folder, "cards", "cards/deal", ROLL.replace("dice/roll", "cards/deal"))
    write(folder, "cards", "story/write_page", ROLL.replace("dice/roll", "story/write_page"))
    registry = load_registry()
    assert {(p.entry, p.package, p.reason) for p in registry.problems} == {
        ("lost", "cards 1.0", "ModuleNotFoundError: No module named 'nowhere'"),
        ("typo", "cards 1.0", "TypeError: str is not a folder of resources"),
        ("cards", "cards 1.0", "PromptInvalid: story/write_page: another prompt has that name"),
    }
    assert registry.get("story/write_page") == PromptRegistry().get("story/write_page")
    with pytest.raises(PromptNotFound):
        registry.get("cards/deal")
