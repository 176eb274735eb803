"""Chat messages to tokens by the model's own template, such that nothing a person wrote becomes a control token.

The template never sees what was written: it renders marks, and the texts are tokenised apart, without control tokens,
where the marks came out.
"""

import logging
import re
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from workers.engines.text.base import ChatMessage
from workers.engines.text.reasoning import opens_reasoning

CHATML: Final = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""Used for models that bring no template."""
RENDER_S: Final = 1.0
"""Seconds that a template may take."""
MAX_RENDERED: Final = 64 * 1024
"""Characters that a template may write by itself, and `MAX_PER_TURN` more for each message."""
MAX_PER_TURN: Final = 4096
_ANCHOR: Final = "\n"
_log = logging.getLogger(__name__)

Tokenize = Callable[[str, bool], list[int]]
"""Text and whether control tokens are recognised in it, to tokens without any added at the ends."""


class TemplateFailed(ValueError):
    """The model's chat template cannot render these messages."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that ends where the assistant begins."""

    tokens: list[int]
    shared: int
    """How many of the first tokens come from the product's own words and the template alone."""
    opens_reasoning: bool
    """The template has begun a block of reasoning, in which the answer goes on."""


class ChatRenderer:
    """Renders prompts of one model. The template runs in jinja2's immutable sandbox, and not for long."""

    def __init__(
        self,
        template: str,
        bos: str,
        eos: str,
        tokenize: Tokenize,
        markup: Sequence[str] = (),
        bos_token: int | None = None,
    ) -> None:
        """``bos_token`` is put in front of prompts that the template does not begin with it.

        ``markup`` are texts that the tokenizer would turn into tokens of their own even in plain text.
        """
        self._problem: Exception | None = None
        self._format: Jinja2ChatFormatter | None = None
        try:
            self._format = Jinja2ChatFormatter(template, eos_token=eos, bos_token=bos)
        except Exception as error:  # noqa: BLE001 - the template comes with the model and may be anything
            self._problem = error
        self._tokenize = tokenize
        # Found at every place: of two that overlap, both must be cut.
        self._markup = re.compile(f"(?={'|'.join(map(re.escape, markup))})") if markup else None
        self._bos_token = bos_token
        # Some tokenizers put a space before whatever they are given. Behind this anchor they do not.
        anchor = tokenize(_ANCHOR, False)
        self._anchor = anchor if tokenize("a", False) != tokenize(f"{_ANCHOR}a", False)[len(anchor) :] else []

    def prompt(self, turns: Sequence[ChatMessage]) -> Prompt:
        """Return the prompt for the next turn of the assistant. Raises `TemplateFailed`.

        Equal turns have equal tokens, wherever in a conversation they stand: a longer one begins with the tokens of a
        shorter one as far as the template lets it.
        """
        by_mark = {f"q{secrets.token_hex(16)}q": turn for turn in turns}
        tokens: list[int] = []
        shared: int | None = None
        parts = re.split(f"({'|'.join(by_mark)})", self._render(by_mark)) if by_mark else [self._render(by_mark)]
        for part in parts:
            turn = by_mark.get(part)
            if turn is None:
                tokens += self._tokens(part, True, first=not tokens)
                continue
            own = min(max(turn.shared, 0), len(turn.content))
            tokens += self._plain(turn.content[:own])
            if shared is None and own < len(turn.content):
                shared = len(tokens)
            tokens += self._plain(turn.content[own:])
        shared = len(tokens) if shared is None else shared
        if self._bos_token is not None and tokens[:1] != [self._bos_token]:
            tokens, shared = [self._bos_token, *tokens], shared + 1
        return Prompt(tokens, shared, opens_reasoning(parts[-1]))

    def _tokens(self, text: str, special: bool, first: bool = False) -> list[int]:
        if not text:
            return []
        if first or not self._anchor:
            return self._tokenize(text, special)
        tokens = self._tokenize(_ANCHOR + text, special)
        size = len(self._anchor)
        # Where the anchor became one token with what follows, the space is the lesser evil.
        return tokens[size:] if tokens[:size] == self._anchor else self._tokenize(text, special)

    def _plain(self, text: str) -> list[int]:
        if self._markup is None:
            return self._tokens(text, False)
        tokens: list[int] = []
        start = 0
        for match in self._markup.finditer(text):
            # Cut inside the markup: neither half is a token of its own.
            tokens += self._tokens(text[start : match.start() + 1], False)
            start = match.start() + 1
        return tokens + self._tokens(text[start:], False)

    def _render(self, turns: dict[str, ChatMessage]) -> str:
        """Return what the template makes of the marks; each comes out once."""
        messages = [{"role": turn.role, "content": mark} for mark, turn in turns.items()]
        problem: Exception | None = self._problem
        end = time.monotonic() + RENDER_S
        for attempt in (messages, _strictly_alternating(messages)):
            if self._format is None:
                break
            try:
                text = _until(end, self._format, attempt)
            except Exception as error:  # noqa: BLE001 - the template comes with the model and may raise anything
                _log.debug("chat template refused the messages: %s", error)
                problem = error
                continue
            if len(text) > MAX_RENDERED + MAX_PER_TURN * len(turns):
                problem = TemplateFailed(f"it writes {len(text)} characters of its own")
            elif lost := [turn.role for mark, turn in turns.items() if text.count(mark) != 1]:
                # Templates without a system role may leave it out without a word.
                problem = TemplateFailed(f"it does not write every message once ({', '.join(lost[:5])})")
            else:
                return text
        raise TemplateFailed(f"the model's chat template fails: {problem}")


def _until(end: float, render: Jinja2ChatFormatter, messages: list[dict[str, str]]) -> str:
    """Render, but not past ``end`` (`time.monotonic`): loops in a template call functions, and there it is checked."""

    def watch(_frame: FrameType, _event: str, _arg: object) -> None:
        if time.monotonic() > end:
            raise TemplateFailed(f"it takes more than {RENDER_S:g} seconds")

    outer = sys.gettrace()
    sys.settrace(watch)
    try:
        return render(messages=_untyped(messages)).prompt
    finally:
        sys.settrace(outer)


def _untyped(messages: list[dict[str, str]]) -> Any:
    return messages


def _strictly_alternating(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """Rewrite for templates that know no system role and want user and assistant in turns, user first."""
    result: list[dict[str, str]] = []
    for message in messages:
        role = "assistant" if message["role"] == "assistant" else "user"
        if result and result[-1]["role"] == role:
            result[-1]["content"] += "\n\n" + message["content"]
        else:
            if not result and role == "assistant":
                result.append({"role": "user", "content": "…"})
            result.append({"role": role, "content": message["content"]})
    return result
