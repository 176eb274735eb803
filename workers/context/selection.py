"""Which elements are for this agent, at this phase, and in which order they get room."""

from workers.context.build import LeftOut, Reason
from workers.context.elements import LAYERS, PRIORITIES, Container, Element, MemoryElement, layer_of


def select(container: Container) -> tuple[list[Element], list[LeftOut]]:
    """Return the elements for the container's agent and phase in the order in which they get room, and the others.

    The order: priority (a pinned one is high), layer, the element's own order, relevance, id. The past is not there.
    """
    found: dict[str, Element] = {}
    left_out: list[LeftOut] = []
    for element in container.elements:
        pinned = element.id in container.pins
        reason = None if pinned else _reason(element, container)
        if element.id in found:
            reason = "repeated"
        elif not element.text.strip():
            reason = "empty"
        if reason is not None:
            left_out.append(
                LeftOut(element.id, element.kind, layer_of(element), reason, label=element.label or element.id)
            )
            continue
        found[element.id] = element.model_copy(update={"priority": "high"}) if pinned else element
    return sorted(found.values(), key=_rank), left_out


def _reason(element: Element, container: Container) -> Reason | None:
    if element.agents and container.agent not in element.agents:
        return "agent"
    if element.phases and container.phase not in element.phases:
        return "phase"
    if element.tags & container.without:
        return "tag"
    return None


def _rank(element: Element) -> tuple[int, int, float, float, str]:
    score = element.score if isinstance(element, MemoryElement) else 0.0
    layer = LAYERS.index(layer_of(element))
    return PRIORITIES.index(element.priority), layer, element.order, -score, element.id
