"""The marks that separate turns in chat templates: cut from what models write, and made harmless in what people write.

A model whose server ends a turn by another mark than the model does goes on after its answer: with the mark, and with
an invented turn of the user. Sources of the marks: the chat templates of ChatML models, Llama 2 to 4, Mistral, Gemma,
Phi, Zephyr, DeepSeek, Command R, Granite, gpt-oss, Alpaca and Vicuna.
"""

import re
from typing import Final

from workers.engines.text.reasoning import TOKENS
from workers.engines.text.stop_strings import overlap

END_TOKENS: Final = (
    "<|im_end|>", "<|im_start|>", "<|im_sep|>", "<|endoftext|>",
    "<|eot_id|>", "<|eom_id|>", "<|start_header_id|>", "<|end_of_text|>", "<|begin_of_text|>",
    "<|eot|>", "<|header_start|>",
    "[INST]", "[/INST]", "<<SYS>>", "</s>",
    "<start_of_turn>", "<end_of_turn>", "<eos>", "<|turn>", "<turn|>",
    "<|user|>", "<|assistant|>", "<|system|>", "<|end|>",
    "<|return|>", "<|start|>", "<|call|>",
    "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>",
    "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|start_of_role|>",
)  # fmt: skip
"""Control tokens after which nothing belongs to the answer."""
_END_LINES: Final = (
    "\n### Instruction:", "\n### Response:", "\n### Input:", "\n### Human:", "\n### User:", "\n### Assistant:",
    "\nUSER:", "\nASSISTANT:",
)  # fmt: skip
_LEADING: Final = (
    "<|im_start|>", "<|im_start|>assistant", "<|begin_of_text|>",
    "<|start_header_id|>assistant<|end_header_id|>", "<|header_start|>assistant<|header_end|>",
    "<s>", "[/INST]", "<start_of_turn>model", "<|turn>model", "<bos>", "<|assistant|>",
    "<|start|>assistant<|message|>", "<｜Assistant｜>", "<｜begin▁of▁sentence｜>",
    "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", "<|start_of_role|>assistant<|end_of_role|>",
    "### Response:", "### Assistant:", "ASSISTANT:",
)  # fmt: skip
"""Beginnings of the assistant's turn, which some models repeat before their answer."""
_STRUCK: Final = "</s>"
"""Also the end of struck-out text in HTML, if that was begun."""
_CONTROL: Final = re.compile(
    r"<(?=\|)|\|(?=>)|<(?=｜)|｜(?=>)|<(?=<\/?SYS>>)"
    r"|<(?=/?(?:s|bos|eos|pad|unk|mask|image|start_of_turn|end_of_turn|start_of_image|image_soft_token|tool_call)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|IMG|THINK)\])"
    f"|(?:{'|'.join(f'{re.escape(token[0])}(?={re.escape(token[1:])})' for token in sorted(TOKENS))})",
    re.IGNORECASE,
)
_JOINER: Final = "\u2060"
"""The invisible word joiner: no tokenizer recognises a control token with it inside."""


class TurnFilter:
    """Cuts a stream of text at the first mark of another turn; the mark of its own turn at its beginning is left out.

    Text that may begin a mark is held back until that is decided.
    """

    def __init__(self, *, lines: bool = True) -> None:
        """``lines``: also cut at lines such as ``### Instruction:``, which are no tokens and may occur in prose."""
        self._marks = END_TOKENS + (_END_LINES if lines else ())
        self._end = re.compile("|".join(map(re.escape, self._marks)))
        self._held = ""
        self._begun = self._struck = False
        self.ended = False

    def push(self, text: str) -> str:
        """Take the next piece and return what may be shown now. Sets ``ended`` at the first mark of another turn."""
        if self.ended:
            return ""
        self._held += text
        if not self._begun and not self._begin(final=False):
            return ""
        return self._release()

    def flush(self) -> str:
        """Return what was held back, at the end of the stream."""
        if self.ended:
            return ""
        self._begin(final=True)
        shown = self._release()
        held, self._held = self._held, ""
        return shown if self.ended else shown + held

    def _begin(self, *, final: bool) -> bool:
        """Leave out marks at the beginning; False if that needs more text."""
        while not self._begun:
            text = self._held.lstrip()
            if not final and any(mark.startswith(text) and mark != text for mark in _LEADING):
                return False
            found = max((mark for mark in _LEADING if text.startswith(mark)), key=len, default="")
            self._begun = not found
            if found:
                self._held = text[len(found) :].lstrip()
        return True

    def _release(self) -> str:
        for mark in self._end.finditer(self._held):
            self._struck = self._struck or "<s>" in self._held[: mark.start()]
            if mark[0] != _STRUCK or not self._struck:
                self.ended = True
                return self._held[: mark.start()].rstrip()
        keep = max(overlap(self._held, mark) for mark in (*self._marks, "<s>"))
        # Spaces before a mark go with it.
        shown = self._held[: len(self._held) - keep].rstrip()
        self._struck = self._struck or "<s>" in shown
        self._held = self._held[len(shown) :]
        return shown


def cut_turns(text: str, *, lines: bool = True) -> str:
    """Return a whole answer up to the first mark of another turn (`TurnFilter`)."""
    turns = TurnFilter(lines=lines)
    return turns.push(text) + turns.flush()


def without_control_tokens(text: str) -> str:
    """Return ``text`` with every control token of a chat template split by an invisible character.

    Servers render messages into their model's template and read control tokens wherever they stand: people's text could
    end its own turn and speak as the system.
    """
    return _CONTROL.sub(lambda match: match[0] + _JOINER, text)
