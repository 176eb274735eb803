"""The parts of a prompt that are the product's own: equal for all accounts, so that work on them can be shared.

Such a text is built from shipped files only: a default template up to its first variable, and the same with the card
of a shipped persona filled in. The shared prefix of a rendered message is the part that is byte-identical to one of
these texts. The origin of its words is irrelevant, so no account's text can be included.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any

from jinja2 import nodes

from prompts.personas import load_personas
from prompts.sandbox import PromptEnvironment

CARD_FIELDS = (
    "name", "description", "appearance", "personality", "interests", "preferences", "speaking_style", "scenario",
    "example_dialogue",
)  # fmt: skip
"""Inputs of a template that are filled from a persona's card."""
NOT_OURS: Mapping[str, Any] = {"system_before": "", "system_after": "", "overridden": False}
"""Inputs by which a card replaces the product's rules: no shipped one does."""


def product_texts(environment: PromptEnvironment, source: str) -> tuple[str, ...]:
    """Return the texts that a message of the default section ``source`` may begin with, longest first.

    They end at a line break: what follows is tokenised separately. ``source`` must have passed `check_sections`.
    """
    return tuple(sorted({text for text in _texts(environment, source) if text}, key=len, reverse=True))


def shared_length(text: str, products: Sequence[str]) -> int:
    """Return the length of the longest of ``products`` that ``text`` starts with; they are sorted, longest first."""
    return next((min(len(product), len(text)) for product in products if _begins(text, product)), 0)


def _begins(text: str, product: str) -> bool:
    # A message that ends here has lost the line break.
    return text.startswith(product) or text == product.rstrip()


def _texts(environment: PromptEnvironment, source: str) -> Iterator[str]:
    body = environment.parse(source).body
    yield from _leads(environment, body, (NOT_OURS,))
    yield from _leads(environment, body, [{**NOT_OURS, **card} for card in _shipped_cards()])


@lru_cache(maxsize=1)
def _shipped_cards() -> tuple[Mapping[str, Any], ...]:
    return tuple({name: shipped.card().get(name, "") for name in CARD_FIELDS} for shipped in load_personas())


def _leads(
    environment: PromptEnvironment, body: Sequence[nodes.Node], filled: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield the beginning of ``body`` that depends on these inputs alone, for each of ``filled``, of equal names."""
    first, whole = _leading(body, filled[0].keys())
    lead = nodes.Template(first, lineno=1)
    lead.set_environment(environment)
    template = environment.from_string(lead)
    for values in filled:
        text = template.render(values).lstrip()
        yield text.rstrip() if whole else text[: text.rfind("\n") + 1]


def _leading(body: Sequence[nodes.Node], known: Collection[str]) -> tuple[list[nodes.Node], bool]:
    """Return the first nodes that depend on ``known`` names only, and whether these are all nodes."""
    found: list[nodes.Node] = []
    for node in body:
        if isinstance(node, nodes.Output):
            parts = list(takewhile(lambda part: _depends_on(part, known), node.nodes))
            found.append(nodes.Output(parts, lineno=node.lineno))
            if len(parts) < len(node.nodes):
                return found, False
        elif isinstance(node, nodes.If) and _depends_on(node, known):
            found.append(node)
        else:
            return found, False
    return found, True


def _depends_on(node: nodes.Node, known: Collection[str]) -> bool:
    names = [node] if isinstance(node, nodes.Name) else node.find_all(nodes.Name)
    return all(name.name in known for name in names)
