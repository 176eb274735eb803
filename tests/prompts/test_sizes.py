"""Variants of a prompt for smaller models."""

from pathlib import Path

import pytest

from prompts.errors import PromptInvalid
from prompts.registry import PromptRegistry
from prompts.sizes import SizeClass

INPUTS = "inputs:\n  a: {type: text, description: d}\n"


def write(root: Path, file: str, header: str, body: str = "--- system ---\nBe brief.\n--- user ---\n{{ a }}\n") -> None:
    (root / "story").mkdir(exist_ok=True)
    (root / "story" / f"{file}.md.j2").write_text(f"---\nname: story/x\nversion: 1\npurpose: p\n{header}---\n{body}")


def registry(tmp_path: Path) -> PromptRegistry:
    write(tmp_path, "x", INPUTS, "--- system ---\nBe long.\n--- user ---\nAll of {{ a }}\n")
    write(tmp_path, "x.small", "size: small\nanswer: prose\n", "--- user ---\n{{ a }}\n--- assistant ---\nYou {{ a }}")
    return PromptRegistry(tmp_path)


def test_a_size_without_a_variant_has_that_of_the_next_larger_one(tmp_path: Path) -> None:
    prompts = registry(tmp_path)
    assert prompts.names() == ("story/x",)
    assert [prompts.get("story/x", size).size for size in ("small", "medium", "large")] == ["small", "large", "large"]
    small = prompts.get("story/x", "small")
    assert (small.answer, small.inputs) == ("prose", prompts.get("story/x").inputs)
    assert prompts.get("story/x").answer == "json"


@pytest.mark.parametrize(("size", "rest"), [("small", ["user", "assistant"]), ("large", ["user"])])
def test_an_override_replaces_the_instruction_of_each_variant(tmp_path: Path, size: SizeClass, rest: list[str]) -> None:
    template = registry(tmp_path).resolve("story/x", size, account="Rhyme.")
    assert [section.role for section in template.sections] == ["system", *rest]
    assert (template.source, template.origin, template.size) == ("Rhyme.", "account", size)
    whole = registry(tmp_path).resolve("story/x", size, account="--- user ---\nRhyme about {{ a }}.")
    assert len(whole.sections) == 1


@pytest.mark.parametrize(
    ("file", "header", "complaint"),
    [
        ("x.small", "size: medium\n", "its header says name: story/x, size: medium"),
        ("x.small", INPUTS, "its header says name: story/x, size: large"),
        ("x.small", "size: small\n" + INPUTS, "a variant has the same ones"),
        ("x", "", "lists its inputs"),
        ("x.small", "size: small\n", "there is no story/x"),
        ("x.small", "size: tiny\n", "size: Input should be"),
        ("x.small", "size: small\nanswer: verse\n", "answer: Input should be"),
    ],
)
def test_headers_name_their_size(tmp_path: Path, file: str, header: str, complaint: str) -> None:
    write(tmp_path, file, header)
    with pytest.raises(PromptInvalid, match=complaint):
        PromptRegistry(tmp_path)


def test_a_variant_knows_the_inputs_of_its_prompt(tmp_path: Path) -> None:
    write(tmp_path, "x", INPUTS)
    write(tmp_path, "x.medium", "size: medium\n", "--- user ---\n{{ b }}\n")
    with pytest.raises(PromptInvalid, match="unknown variable 'b'"):
        PromptRegistry(tmp_path)
