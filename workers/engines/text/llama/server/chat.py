"""Chat messages to tokens by the model's own template, such that nothing a person wrote becomes a control token."""

import logging
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from workers.engines.text.llama.protocol import Turn

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""Used for models that bring no template."""
_MARKER = re.compile("(\x02[0-9a-f]{32}\x03)")
_log = logging.getLogger(__name__)

Tokenize = Callable[[str, bool], list[int]]
"""Text and whether control tokens are recognised in it, to tokens without any added at the ends."""


class TemplateFailed(ValueError):
    """The model's chat template cannot render these messages."""


class ChatRenderer:
    """Renders prompts of one model. The template runs in jinja2's immutable sandbox."""

    def __init__(self, template: str, bos: str, eos: str, tokenize: Tokenize, markup: Sequence[str] = ()) -> None:
        """``markup`` are texts that the tokenizer would turn into tokens of their own even in plain text."""
        self._format = Jinja2ChatFormatter(template, eos_token=eos, bos_token=bos)
        self._tokenize = tokenize
        self._markup = re.compile("|".join(map(re.escape, markup))) if markup else None

    def tokens(self, turns: Sequence[Turn]) -> list[int]:
        """Return the prompt's tokens, ending where the assistant begins. Raises `TemplateFailed`."""
        contents = {f"\x02{secrets.token_hex(16)}\x03": turn for turn in turns}
        messages = [{"role": turn.role, "content": mark} for mark, turn in contents.items()]
        tokens: list[int] = []
        for part in _MARKER.split(self._render(messages)):
            if part in contents:
                tokens += self._plain(contents[part].content)
            elif part:
                tokens += self._tokenize(part, True)
        return tokens

    def _plain(self, text: str) -> list[int]:
        if self._markup is None:
            return self._tokenize(text, False)
        tokens: list[int] = []
        start = 0
        for match in self._markup.finditer(text):
            # Cut inside the markup: neither half is a token of its own.
            tokens += self._tokenize(text[start : match.start() + 1], False)
            start = match.start() + 1
        return tokens + self._tokenize(text[start:], False)

    def _render(self, messages: list[dict[str, str]]) -> str:
        problem: Exception | None = None
        for attempt in (messages, _strictly_alternating(messages)):
            try:
                return self._format(messages=_untyped(attempt)).prompt
            except Exception as error:  # noqa: BLE001 - the template comes with the model and may raise anything
                _log.debug("chat template refused the messages: %s", error)
                problem = error
        raise TemplateFailed(f"the model's chat template fails: {problem}")


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
