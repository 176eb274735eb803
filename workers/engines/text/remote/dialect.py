"""What one server accepts: request bodies, and what was learnt from refusals."""

import base64
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Literal, cast

import openai

from workers.engines.openai.errors import message_of, refused_parameter
from workers.engines.text.base import (
    DRY_ALLOWED,
    DRY_BASE,
    XTC_THRESHOLD,
    ModelMessage,
    Role,
    Sampling,
    TextRequest,
    pictures_of,
    without_opening,
)
from workers.engines.text.roles import strictly_alternating
from workers.engines.text.turns import without_control_tokens
from workers.engines.text.unicode import well_formed

Format = Literal["schema", "object", "text"]
"""How a server is asked for JSON: by the schema, as any object, or by the prompt alone."""
ServerKind = Literal["llama-server", "vllm"]
"""Servers of which more is known than that they speak OpenAI's chat completions; vLLM stands for SGLang too."""

DRY_LAST = 4096
"""Tokens in which DRY looks for repetition, those of the prompt included; -1, for all, is refused by newer servers."""
MAX_STOPS = 4
"""Stop strings that OpenAI takes (API reference of chat completions); the engine heeds the others itself."""
_NEXT_FORMAT: Mapping[Format, Format] = {"schema": "object", "object": "text"}
_RENAMED = {"max_tokens": "max_completion_tokens"}
_CARRIERS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "min_p": ("min_p",),
    # llama-server and Ollama use the first name, vLLM and OpenRouter the second.
    "repeat_penalty": ("repeat_penalty", "repetition_penalty"),
    "dry": ("dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n"),
    "xtc": ("xtc_probability", "xtc_threshold"),
    "dynamic": ("dynatemp_range",),
}
"""The parameters that carry a value of `Sampling`. llama-server's are those of its README, vLLM's of SamplingParams."""
_ONLY_LLAMA = frozenset({"repeat_penalty", *_CARRIERS["dry"], *_CARRIERS["xtc"], *_CARRIERS["dynamic"]})
_ONLY_VLLM = frozenset({"repetition_penalty"})
_FOREIGN: Mapping[ServerKind | None, frozenset[str]] = {
    "llama-server": _ONLY_VLLM,
    "vllm": _ONLY_LLAMA,
    # Of another server it is not known which name it takes: it refuses one, or passes over it.
    None: _ONLY_LLAMA - {"repeat_penalty"},
}
"""What a kind of server does not know."""
_OPTIONAL = frozenset({
    "seed", "stop", "stream_options", "continue_final_message", "add_generation_prompt",
    *(name for names in _CARRIERS.values() for name in names),
})  # fmt: skip
_NO_SUCH_FORMAT = re.compile(
    r"unsupported|unavailable|not (?:yet )?(?:supported|available|allowed)|does(?: not|n't) support|should be|must be"
    r"|unknown|unrecognized|json_schema'? is not|one of",
    re.IGNORECASE,
)
# What chat templates raise (Gemma, Llama 2, Mistral; by vLLM, llama-server, LM Studio and TGI), OpenAI's first o1
# models, Perplexity, Anthropic, and Google for Gemma.
_ROLES_REFUSED = re.compile(
    r"\broles?\b.{0,80}(?:alternat|not support|unsupported|supported|in a row|unknown|invalid)"
    r"|(?:alternat\w*|unsupported|supported|unknown|invalid|unexpected|first|last).{0,80}\broles?\b"
    r"|system (?:messages?|prompts?|instructions?|role).{0,40}not|developer instruction is not|roles must alternate",
    re.IGNORECASE | re.DOTALL,
)
_REMEMBERED_SCHEMAS = 64
_log = logging.getLogger(__name__)


class Dialect:
    """What one model on one server is known (not) to accept. The richest form is tried first."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._dropped: set[str] = set()
        self._renamed = False
        self._alternating = False
        self._server: ServerKind | None = None
        self._format: Format = "schema"
        self._formats: dict[str, Format] = {}

    @property
    def lessons(self) -> int:
        """The maximum number of refusals of one request before nothing is left to leave out."""
        return 2 + len(_OPTIONAL) + len(_RENAMED) + len(_NEXT_FORMAT)

    def format_of(self, schema: Mapping[str, Any]) -> Format:
        """Return how to ask the server for JSON that fits ``schema``."""
        known = self._formats.get(_digest(schema), self._format)
        order: list[Format] = ["schema", "object", "text"]
        return max(known, self._format, key=order.index)

    def prompt(self, request: TextRequest, server: ServerKind | None = None) -> dict[str, Any]:
        """Return the part of the body that holds the messages of ``request`` as the ``server`` takes them."""
        if self._dropped & {"continue_final_message", "add_generation_prompt"}:
            server = None
        messages = messages_of(request, alternating=self._alternating, continues=server is not None)
        if server != "vllm" or messages[-1]["role"] != "assistant":
            return {"messages": messages}
        return {"messages": messages, "continue_final_message": True, "add_generation_prompt": False}

    def body(self, request: TextRequest, server: ServerKind | None = None) -> dict[str, Any]:
        """Return the JSON body of ``request`` for a kind of ``server``, None if that is unknown."""
        self._server = server
        body: dict[str, Any] = {
            "model": self.model,
            **self.prompt(request, server),
            "stream": True,
            "stream_options": {"include_usage": True},
            **sampling_parameters(request.sampling, server),
        }
        for name in self._dropped:
            body.pop(name, None)
        if self._renamed:
            body["max_completion_tokens"] = body.pop("max_tokens")
        if request.schema is not None:
            body |= response_format(request.schema, self.format_of(request.schema))
        return body

    def unsent(self, sampling: Sampling) -> frozenset[str]:
        """Return which values of ``sampling`` the last body could not carry."""
        sent = sampling_parameters(sampling, self._server).keys() - self._dropped
        return frozenset(
            value
            for value, names in _CARRIERS.items()
            if getattr(sampling, value) is not None and sent.isdisjoint(names)
        )

    def learn(self, error: openai.APIStatusError, request: TextRequest, body: Mapping[str, Any]) -> bool:
        """Remember what ``error`` (400 or 422) refuses in ``body``; False if there is nothing to leave out."""
        name = refused_parameter(error)
        if name in _RENAMED and name in body:
            self._renamed = True
        elif name in _OPTIONAL and name in body:
            self._dropped.add(name)
        elif "response_format" in body and request.schema is not None:
            name = "response_format"
            self._ask_for_less(request.schema, message_of(error))
        else:
            return False
        _log.warning("the server refuses %s for %s; going on without it", name, self.model)
        return True

    def learn_roles(self, message: str, request: TextRequest) -> bool:
        """Remember from an error's ``message`` that the model's turns must alternate, without a system's.

        False if ``message`` speaks of something else, or ``request`` was already sent in that form.
        """
        plain = messages_of(request, alternating=False)
        if self._alternating or not refuses_roles(message) or plain == messages_of(request, alternating=True):
            return False
        self._alternating = True
        _log.warning("the server wants alternating turns without a system role for %s; going on with these", self.model)
        return True

    def _ask_for_less(self, schema: Mapping[str, Any], message: str) -> None:
        less = _NEXT_FORMAT[self.format_of(schema)]
        if "invalid schema" not in message.lower() and _NO_SUCH_FORMAT.search(message):
            self._format = less
            return
        # Only this schema is refused; others may be accepted.
        while len(self._formats) >= _REMEMBERED_SCHEMAS:
            del self._formats[next(iter(self._formats))]
        self._formats[_digest(schema)] = less


def messages_of(request: TextRequest, *, alternating: bool, continues: bool = False) -> list[dict[str, Any]]:
    """Return the messages of the request body; ``alternating`` as `strictly_alternating` rewrites them.

    The beginning of an answer is a turn of the assistant's for servers that go on behind it (``continues``). Others
    would take it for an answer that is past: they find it at the end of what they are asked.
    """
    messages = request.messages
    if not continues:
        before, opening = without_opening(messages)
        if opening and before:
            *earlier, last = before
            messages = (*earlier, ModelMessage(last.role, f"{last.content}\n\n{opening}…"))
    turns: list[tuple[Role, str]] = [
        (message.role, without_control_tokens(well_formed(message.content))) for message in messages
    ]
    written: list[dict[str, Any]] = [
        {"role": role, "content": content} for role, content in (strictly_alternating(turns) if alternating else turns)
    ]
    if pictures := pictures_of(request.messages):
        last = next(turn for turn in reversed(written) if turn["role"] == "user")
        last["content"] = [{"type": "text", "text": last["content"]}, *map(_picture_part, pictures)]
    return written


def _picture_part(png: bytes) -> dict[str, Any]:
    """Return a picture as a part of a message's content (API reference of chat completions, image inputs)."""
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(png).decode()}"}}


def refuses_roles(message: str) -> bool:
    """Return whether a server's error is about the roles of the messages or their order."""
    return _ROLES_REFUSED.search(message) is not None


def sampling_parameters(sampling: Sampling, server: ServerKind | None = None) -> dict[str, Any]:
    """Return the sampling parameters of the request body, without those left to the server or unknown to it."""
    dry, xtc = sampling.dry is not None, sampling.xtc is not None
    values: dict[str, Any] = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": [well_formed(text) for text in sampling.stop if text][:MAX_STOPS] or None,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,
        "repetition_penalty": sampling.repeat_penalty,
        "dry_multiplier": sampling.dry,
        "dry_base": DRY_BASE if dry else None,
        "dry_allowed_length": DRY_ALLOWED if dry else None,
        "dry_penalty_last_n": DRY_LAST if dry else None,
        "xtc_probability": sampling.xtc,
        "xtc_threshold": XTC_THRESHOLD if xtc else None,
        "dynatemp_range": sampling.dynamic,
    }
    return {name: value for name, value in values.items() if value is not None and name not in _FOREIGN[server]}


def response_format(schema: Mapping[str, Any], how: Format) -> dict[str, Any]:
    """Return the part of the request body that asks for JSON; nothing for ``text``."""
    if how == "text":
        return {}
    if how == "object":
        return {"response_format": {"type": "json_object"}}
    named = {"name": "answer", "schema": schema, "strict": _is_strict(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _digest(schema: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()


def _is_strict(node: object) -> bool:
    """Return whether every object requires all its properties and allows no others: OpenAI's strict mode."""
    if isinstance(node, list):
        return all(_is_strict(item) for item in cast("list[object]", node))
    if not isinstance(node, Mapping):
        return True
    schema = cast("Mapping[str, object]", node)
    if schema.get("type") == "object":
        properties = cast("Mapping[str, object]", schema.get("properties") or {})
        required = cast("list[str]", schema.get("required") or [])
        if schema.get("additionalProperties") is not False or set(properties) != set(required):
            return False
    return all(_is_strict(value) for value in schema.values())
