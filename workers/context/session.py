"""What people chose for a story's or chat's context: elements that are left out, pinned, or added to try something."""

from typing import Final

from workers.context.elements import Container, Element

FILTERED: Final = "filtered"
"""The tag of what somebody has left out."""


def filtered(
    container: Container, *, without: frozenset[str], pins: frozenset[str] = frozenset(), more: tuple[Element, ...] = ()
) -> Container:
    """Return a container as somebody wants it.

    ``without`` names elements by tag, by kind (``memory``), by the beginning of their id (``fact``) or by their id
    (``fact:9``); requests are never left out. ``pins`` are ids. ``more`` are elements of their own.
    """
    if not (without or pins or more):
        return container
    elements = (_tagged(element, without) for element in container.elements)
    return container.model_copy(
        update={
            "elements": (*elements, *more),
            "pins": container.pins | pins,
            "without": container.without | {FILTERED},
        }
    )


def _tagged(element: Element, without: frozenset[str]) -> Element:
    names = element.tags | {element.kind, element.id.partition(":")[0], element.id}
    if element.kind == "request" or not names & without:
        return element
    return element.model_copy(update={"tags": element.tags | {FILTERED}})
