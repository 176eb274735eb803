"""Steps that build the context of a session anew: what would be told now, with its pins and filters. None answers."""

from typing import Any, ClassVar, Final

from pydantic import TypeAdapter, ValidationError

from db import chats, context_sessions, usage
from db.context_sessions import ContextSession, ReplayContext
from db.errors import LeaseLost, NotFound
from db.memory import past
from db.payloads.told import SessionPanel
from workers.context.elements import Container, Element
from workers.context.layers import Window
from workers.context.session import filtered
from workers.functions.answer_as_persona import AnswerAsPersona, PersonaInputs
from workers.functions.answering import Answering
from workers.functions.base import AiFunction
from workers.functions.crafting import Crafting
from workers.functions.prompting import CallContext
from workers.functions.telling import Telling
from workers.functions.write_page import PageInputs, WritePage
from workers.moderation.gate import Gate, Gated
from workers.steps.base import Commit, Run, Step
from workers.steps.chat import persona_inputs
from workers.steps.past import read_way

_AS_IT_IS: Final[dict[str, list[str]]] = {"pins": [], "without": []}
"""What the story or chat itself has pinned and left out does not count for a copy."""
_ELEMENTS: TypeAdapter[tuple[Element, ...]] = TypeAdapter(tuple[Element, ...])


class ReplayContextStep(Step):
    """Build the context of a session."""

    name: ClassVar[str] = "replay_context"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the record of the build: ids, no texts."""
        session = await _session(run)
        if session.kind == "project":
            return {"build": await _of_project(run, session)}
        function: AiFunction[Any, Any]
        if session.story_id is not None:
            tip = await past.tip(session.story_id)
            read = None if tip is None else await read_way(run.services, tip.page_id)
            if read is None:
                raise NotFound("told.nothing_yet")
            inputs: Any = PageInputs.model_validate(read)
            function, persona_id = _TriedPage(session), None
        else:
            assert session.conversation_id is not None
            assert session.persona_id is not None
            persona_id = session.persona_id
            reply = await chats.last_reply(session.conversation_id, persona_id, session.epoch or 0)
            found = None if reply is None else await chats.pending(reply)
            if found is None:
                raise NotFound("told.nothing_yet")
            inputs, function = await persona_inputs(run.services, found), _TriedAnswer(session)
        return {"build": await _built(run, function, inputs, persona_id)}


class KeepReplay(Commit):
    """Keep what was built, and show it."""

    name: ClassVar[str] = "keep_replay"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping."""
        session = await _session(run)
        build: dict[str, Any] = run.outputs[ReplayContextStep.name]["build"]
        await context_sessions.keep_build(session.account_id, session.id, build)
        parameters = run.parameters(ReplayContext)
        await run.reply(SessionPanel(owner=parameters.person, opened=0, session=session.id, adults=parameters.adults))
        return {}


async def _session(run: Run) -> ContextSession:
    parameters = run.parameters(ReplayContext)
    try:
        return await context_sessions.opened(run.job.account_id or 0, parameters.session, parameters.person)
    except NotFound as e:
        raise LeaseLost(f"context session {parameters.session} was deleted") from e


def _own(session: ContextSession) -> tuple[Element, ...]:
    """Return a session's own elements; what another release wrote otherwise is left out."""
    try:
        return _ELEMENTS.validate_python(session.elements)
    except ValidationError:
        return ()


def _as_wanted(container: Container, session: ContextSession) -> Container:
    without = frozenset(session.filters.get("without", ()))
    return filtered(container, without=without, pins=frozenset(session.pins), more=_own(session))


class _TriedPage(WritePage):
    """A page that is told what a session wants."""

    def __init__(self, session: ContextSession) -> None:
        self._session = session

    def context(self, inputs: PageInputs) -> Container:
        return _as_wanted(super().context(inputs.model_copy(update=_AS_IT_IS)), self._session)


class _TriedAnswer(AnswerAsPersona):
    """A reply that is told what a session wants."""

    def __init__(self, session: ContextSession) -> None:
        self._session = session

    def context(self, inputs: PersonaInputs) -> Container:
        return _as_wanted(super().context(inputs.model_copy(update=_AS_IT_IS)), self._session)


async def _built(run: Run, function: AiFunction[Any, Any], inputs: Any, persona_id: int | None) -> dict[str, Any]:
    services = run.services
    gate = Gate(services.moderator, services.policy, services.queue, run.tracker, Gated(function.name), "sfw")
    try:
        caller = CallContext(run.tracker, run.job.account_id, persona_id)
        record = usage.TaskRecord()
        craft = Crafting(function, inputs, services.craft, services.prompts, record)
        answering = Answering(services, function, inputs, caller, record, gate, craft)
        telling = Telling(services, function, inputs, answering)
        await telling.messages(await function.prepare(inputs), await answering.limits(function.prompt))
    finally:
        await gate.close()
    assert telling.build is not None
    return telling.build.record()


async def _of_project(run: Run, session: ContextSession) -> dict[str, Any]:
    builder, limits = run.services.context, await run.services.text.limits("writer")
    size = builder.size_of(limits.context)
    container = _as_wanted(Container(agent="writer", phase="draft"), session)
    return (await builder.build(container, Window(size, size // 3), limits)).record()
