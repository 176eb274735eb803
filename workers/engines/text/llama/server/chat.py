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
from types import FrameType
from typing import Any, Final

from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from workers.engines.text.base import ModelMessage
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


class _Frames(dict[tuple[str, bool], list[int]]):
    """The tokens of a template's own words, and whether they are the first of a prompt: it repeats a few."""

    def __init__(self, tokens: Callable[[str, bool, bool], list[int]]) -> None:
        super().__init__()
        self._tokens = tokens

    def __missing__(self, key: tuple[str, bool]) -> list[int]:
        text, first = key
        found = self[key] = self._tokens(text, True, first)
        return found


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

    def prompt(self, turns: Sequence[ModelMessage]) -> TokenizedPrompt:
        """Return the prompt for the assistant's next message. Raises `TemplateFailed`.

        A message has the same tokens wherever it stands, so that a longer conversation starts with the tokens of a
        shorter one as far as the template allows.
        """
        by_mark, parts = self._parts(turns)
        tokens: list[int] = []
        shared: int | None = None
        frames = _Frames(self._tokens)
        for part in parts:
            turn = by_mark.get(part)
            if turn is None:
                tokens += frames[part, not tokens]
                continue
            own = min(max(turn.shared, 0), len(turn.content))
            tokens += self._pieces.tokens(turn.content[:own])
            if shared is None and own < len(turn.content):
                shared = len(tokens)
            tokens += self._pieces.tokens(turn.content[own:])
        shared = len(tokens) if shared is None else shared
        if self._bos_token is not None and tokens[:1] != [self._bos_token]:
            tokens, shared = [self._bos_token, *tokens], shared + 1
        return TokenizedPrompt(tokens, shared, opens_reasoning(parts[-1]))

    def count_prompt(self, turns: Sequence[ModelMessage]) -> tuple[int, bool]:
        """Return the number of tokens that `prompt` would have, and whether it opens reasoning. Raises as that.

        Only paragraphs that were not counted before are tokenised.
        """
        by_mark, parts = self._parts(turns)
        count, begins = 0, self._bos_token is None
        frames = _Frames(self._tokens)
        for part in parts:
            turn = by_mark.get(part)
            if turn is None:
                tokens = frames[part, not count]
                begins = begins or (not count and tokens[:1] == [self._bos_token])
                count += len(tokens)
                continue
            own = min(max(turn.shared, 0), len(turn.content))
            count += self._pieces.count(turn.content[:own]) + self._pieces.count(turn.content[own:])
        return count + (not begins), opens_reasoning(parts[-1])

    def count(self, text: str) -> int:
        """Return the number of tokens that ``text`` has as the content of a message."""
        return self._pieces.count(text)

    def _parts(self, turns: Sequence[ModelMessage]) -> tuple[dict[str, ModelMessage], list[str]]:
        """Return the placeholders of messages, and the rendered template cut into placeholders and its own words."""
        # Nobody can guess one. A pattern that names each of many would take longer to compile than all the rest.
        secret = secrets.token_hex(16)
        by_mark = {f"q{secret}n{at}q": turn for at, turn in enumerate(turns)}
        return by_mark, re.split(f"(q{secret}n[0-9]+q)", self._render(by_mark))

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

    def _render(self, turns: dict[str, ModelMessage]) -> str:
        """Return the template's output for the placeholders, in which each occurs exactly once."""
        messages = _as_messages((turn.role, mark) for mark, turn in turns.items())
        problem: Exception | None = self._problem
        end = time.thread_time() + RENDER_S
        for attempt in (messages, _as_messages(strictly_alternating((t.role, mark) for mark, t in turns.items()))):
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
