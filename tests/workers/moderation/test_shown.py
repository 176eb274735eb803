"""An answer that is being written is shown as it is checked, through the whole engine of functions."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from db import jobs
from tests.workers.making import a_job
from workers.engines.text.base import Completion, ModelMessage, TextRequest, Usage
from workers.engines.text.chain import TextChain
from workers.functions.answer_as_persona import AnswerAsPersona, PersonaInputs
from workers.functions.engine import CallContext, FunctionEngine
from workers.progress import Tracker
from workers.services import Services

TEXT = "\n\n".join(" ".join(f"kelp{n:04d}{'.' if n % 12 == 11 else ''}" for n in range(at, at + 60)) for at in (0, 60))
HELLO = PersonaInputs(
    persona={"name": "Bo"}, user_name="Sam", language="en", message="hello", history=[], seed=1, variant=0
)


@dataclass
class SlowEngine:
    """Says ``text``, a word at a time."""

    text: str
    name: str = "slow"
    model_names: tuple[str, ...] = ()
    is_local: bool = True
    shown: list[str] = field(default_factory=list[str])

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | Completion]:
        del request
        for word in self.text.split(" "):
            yield word + " "
            await asyncio.sleep(0.01)
        yield Completion(self.text, "stop", Usage(1, 1, 0.0), self.name, "slow")

    async def count_tokens(self, text: str, model: str = "") -> int:
        return len(text.split())

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        return [len(text.split()) for text in texts]

    async def count_messages(
        self, messages: Sequence[ModelMessage], model: str = "", schema: Mapping[str, Any] | None = None
    ) -> int:
        return sum(len(message.content.split()) for message in messages)

    async def context_size(self, model: str = "") -> int | None:
        return None

    async def statistics(self) -> list[dict[str, Any]]:
        return []

    async def cancel(self, request_id: str) -> bool:
        return False

    async def close(self) -> None: ...


async def test_what_is_checked_is_shown(services: Services, chores: None, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    async def publish(channel: str, message: dict[str, Any]) -> None:
        shown.append(str(message.get("text", "")))

    monkeypatch.setattr(services.queue, "publish", publish)
    job = await jobs.claim(await a_job())
    assert job is not None
    made = replace(services, text=TextChain((SlowEngine(TEXT),)))
    caller = CallContext(Tracker(job, made.queue), job.account_id)
    answer = await FunctionEngine(made).run(AnswerAsPersona(), HELLO, caller)
    assert answer.text == TEXT
    parts = list(dict.fromkeys(filter(None, shown)))
    assert len(parts) >= 3
    assert all(TEXT.startswith(part) and part.endswith(".") for part in parts), "a sentence that is not whole is shown"
