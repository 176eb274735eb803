"""Turns chat messages into tokens by the model's own template, without letting people's text become control tokens.

The template renders placeholders instead of the messages; each message is tokenised separately, without control
tokens, in place of its placeholder.
"""

import logging
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType
from typing import Any, Final

from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from workers.engines.text.base import ModelMessage, Role
from workers.engines.text.llama.pieces import Cut
from workers.engines.text.llama.server.pieces import TextPieces
from workers.engines.text.reasoning import opens_reasoning
from workers.engines.text.roles import strictly_alternating

CHATML: Final = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""The template of models without one."""
RENDER_S: Final = 1.0
"""Limit of a template, in seconds of this thread's processor time: it cannot wait, and a busy machine is no fault."""
MAX_RENDERED: Final = 64 * 1024
"""Characters that a template may add, plus `MAX_PER_TURN` for each message."""
MAX_PER_TURN: Final = 4096
RENDERINGS: Final = 32
"""Sequences of roles whose rendering is remembered."""
OWN_TEXTS: Final = 256
"""Texts of the template whose tokens are remembered: a prompt repeats a few."""
_VARYING: Final = re.compile("strftime_now|random|lipsum")
"""In a template whose words may be others the next time."""
_ANCHOR: Final = "\n"
_log = logging.getLogger(__name__)

Tokenize = Callable[[str, bool], list[int]]
"""Maps a text, and whether to recognise control tokens in it, to tokens, with none added at the ends."""


class TemplateFailed(ValueError):
    """The model's chat template cannot render these messages."""


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """A prompt up to where the assistant's answer begins."""

    tokens: list[int]
    shared: int
    """Number of leading tokens that come only from the product's own words and the template."""
    opens_reasoning: bool
    """Whether the template opened a block of reasoning that the answer continues."""


class ChatRenderer:
    """Renders the prompts of one model, its template in jinja2's immutable sandbox with a time limit."""

    def __init__(
        self,
        template: str,
        bos: str,
        eos: str,
        tokenize: Tokenize,
        markup: Sequence[str] = (),
        bos_token: int | None = None,
    ) -> None:
        """``bos_token`` is prepended to prompts that the template does not start with it.

        ``markup`` lists texts that the tokenizer recognises as tokens even in plain text.
        """
        self._problem: Exception | None = None
        self._format: Jinja2ChatFormatter | None = None
        try:
            self._format = Jinja2ChatFormatter(template, eos_token=eos, bos_token=bos)
        except Exception as error:  # noqa: BLE001 - the template comes with the model and may be anything
            self._problem = error
        self._tokenize = tokenize
        # A lookahead: of two that overlap, both must be split.
        self._markup = re.compile(f"(?={'|'.join(map(re.escape, markup))})") if markup else None
        self._bos_token = bos_token
        # Some tokenizers prepend a space to any text, but not after this anchor.
        anchor = tokenize(_ANCHOR, False)
        self._anchor = anchor if tokenize("a", False) != tokenize(f"{_ANCHOR}a", False)[len(anchor) :] else []
        self._pieces = TextPieces(self._plain)
        self.cut: Cut | None = self._pieces.how
        """Where texts are cut to be counted piece by piece."""
        self.lasting = not _VARYING.search(template)
        """Whether the template's own words around messages of the same roles are always the same."""
        # Nobody can guess it.
        self._mark = f"q{secrets.token_hex(16)}n"
        self._remembered_parts = lru_cache(RENDERINGS)(self._new_parts)
        self._own_tokens = lru_cache(OWN_TEXTS)(self._new_own_tokens)

    def prompt(self, turns: Sequence[ModelMessage]) -> TokenizedPrompt:
        """Return the prompt for the assistant's next message. Raises `TemplateFailed`.

        A message has the same tokens wherever it stands, so that a longer conversation starts with the tokens of a
        shorter one as far as the template allows.
        """
        parts = self._parts(tuple(turn.role for turn in turns))
        tokens: list[int] = []
        shared: int | None = None
        for at, part in enumerate(parts):
            if isinstance(part, str):
                tokens += self._own_tokens(part, not at)
                continue
            turn = turns[part]
            own = min(max(turn.shared, 0), len(turn.content))
            tokens += self._pieces.tokens(turn.content[:own])
            if shared is None and own < len(turn.content):
                shared = len(tokens)
            tokens += self._pieces.tokens(turn.content[own:])
        shared = len(tokens) if shared is None else shared
        if not self._begins(parts):
            assert self._bos_token is not None
            tokens, shared = [self._bos_token, *tokens], shared + 1
        return TokenizedPrompt(tokens, shared, opens_reasoning(str(parts[-1])))

    def count_frame(self, roles: tuple[Role, ...]) -> tuple[int, bool]:
        """Return how many tokens stand around messages of these ``roles``, and whether reasoning is opened.

        With those of the messages (`count`; of one with ``shared`` words, of both parts) they are those of the prompt.
        Raises `TemplateFailed`.
        """
        parts = self._parts(roles)
        count = sum(len(self._own_tokens(part, not at)) for at, part in enumerate(parts) if isinstance(part, str))
        return count + (not self._begins(parts)), opens_reasoning(str(parts[-1]))

    def count(self, text: str) -> int:
        """Return the number of tokens that ``text`` has as the content of a message."""
        return self._pieces.count(text)

    def _begins(self, parts: Sequence[str | int]) -> bool:
        """Return whether a prompt begins with the token that it has to begin with."""
        return self._bos_token is None or self._own_tokens(str(parts[0]), True)[:1] == (self._bos_token,)

    def _parts(self, roles: tuple[Role, ...]) -> Sequence[str | int]:
        """Return the template's own words for messages of these roles, and between them the messages' places."""
        return self._remembered_parts(roles) if self.lasting else self._new_parts(roles)

    def _new_parts(self, roles: tuple[Role, ...]) -> Sequence[str | int]:
        marks = [f"{self._mark}{at}q" for at in range(len(roles))]
        # A pattern that names each of many would take longer to compile than all the rest.
        found = re.split(f"{self._mark}([0-9]+)q", self._render(list(zip(roles, marks, strict=True))))
        return [int(part) if at % 2 else part for at, part in enumerate(found)]

    def _new_own_tokens(self, text: str, first: bool) -> tuple[int, ...]:
        return tuple(self._tokens(text, True, first))

    def _tokens(self, text: str, special: bool, first: bool = False) -> list[int]:
        if not text:
            return []
        if first or not self._anchor:
            return self._tokenize(text, special)
        tokens = self._tokenize(_ANCHOR + text, special)
        size = len(self._anchor)
        # If the anchor merged with what follows, the extra space is the lesser evil.
        return tokens[size:] if tokens[:size] == self._anchor else self._tokenize(text, special)

    def _plain(self, text: str) -> list[int]:
        if self._markup is None:
            return self._tokens(text, False)
        tokens: list[int] = []
        start = 0
        for match in self._markup.finditer(text):
            # Split inside the markup: neither half is a control token.
            tokens += self._tokens(text[start : match.start() + 1], False)
            start = match.start() + 1
        return tokens + self._tokens(text[start:], False)

    def _render(self, turns: Sequence[tuple[Role, str]]) -> str:
        """Return the template's output for placeholders of messages, in which each occurs exactly once."""
        problem: Exception | None = self._problem
        end = time.thread_time() + RENDER_S
        for attempt in (_as_messages(turns), _as_messages(strictly_alternating(turns))):
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
            elif lost := [role for role, mark in turns if text.count(mark) != 1]:
                # Templates without a system role may drop it silently.
                problem = TemplateFailed(f"it does not write every message once ({', '.join(lost[:5])})")
            else:
                return text
        raise TemplateFailed(f"the model's chat template fails: {problem}")


def _until(end: float, render: Jinja2ChatFormatter, messages: list[dict[str, str]]) -> str:
    """Render until ``end`` (`time.thread_time`), checked at each call: loops in a template call functions."""

    def watch(frame: FrameType, _event: str, _arg: object) -> None:
        # What is raised where something is collected is swallowed, and ends the watch.
        if time.thread_time() > end and not _collects(frame):
            raise TemplateFailed(f"it takes more than {RENDER_S:g} seconds")

    outer = sys.gettrace()
    sys.settrace(watch)
    try:
        return render(messages=_untyped(messages)).prompt
    finally:
        sys.settrace(outer)


def _collects(frame: FrameType) -> bool:
    """Return whether ``frame`` is a finaliser's or a callback's of a weak reference."""
    return frame.f_code.co_name == "__del__" or frame.f_globals.get("__name__") in ("weakref", "_weakrefset")


def _untyped(messages: list[dict[str, str]]) -> Any:
    return messages


def _as_messages(turns: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in turns]
