"""How the writers of an account sample."""

from typing import Final

from bot.messages import Message, Table
from bot.views.base import ViewContext, ViewSpec
from db import sampling
from db.agents import AGENTS, FUNCTIONS, SamplingChoice, merged
from db.payloads.account import SamplingTable


async def table(view: ViewContext, payload: SamplingTable) -> Message:
    """Compose what holds for every agent and function, and who says so."""
    chosen, operator = await sampling.chosen(payload.account), view.around.sampling
    nothing = SamplingChoice()
    lines: list[tuple[str, ...]] = []
    for name in (*AGENTS, *FUNCTIONS):
        agent = FUNCTIONS[name].agent if name in FUNCTIONS else name
        own = merged([chosen.get(name, nothing), chosen.get(agent, nothing)])
        held = merged([own, operator.of(name), operator.of(agent)])
        who = view.words("sampling.by_place" if not own.is_empty else "sampling.by_default")
        model = held.model or view.words("sampling.usual_model")
        shown = name if name in AGENTS else f"{agent}: {name}"
        lines.append((shown, f"{held.temperature:g}", str(held.max_tokens), f"{held.top_p:g}", model, who))
    columns = tuple(
        view.words(f"sampling.column_{column}")
        for column in ("name", "temperature", "max_tokens", "top_p", "model", "by")
    )
    return Message(
        view.words("sampling.explained"),
        title=view.words("sampling.title"),
        table=Table(columns, tuple(lines)),
        footer=view.words("sampling.footer"),
        private=True,
    )


VIEWS: Final = (ViewSpec(SamplingTable, table),)
