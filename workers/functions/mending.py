"""Mends what models do to text: escapes that were never undone, bytes written as tokens, other turns, odd characters.

Applied to every output of an AI function (`mend_output`), so that none can forget it.
"""

import re
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel, ValidationError

from workers.craft.loops import cut_loop
from workers.engines.text.turns import cut_turns
from workers.engines.text.unicode import is_blank, well_formed
from workers.functions.parsing import ParseFailed

_BYTE_TOKENS: Final = re.compile(r"(?:<0x[0-9A-Fa-f]{2}>)+")
"""Bytes outside a vocabulary, as SentencePiece writes them if nobody joins them."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# A single \n in the middle of a word is more likely part of a path, as in C:\new.
_ESCAPED_BREAK: Final = re.compile(
    r"(?:\\r\\n|\\n){2,}|(?<![\w:\\])(?:\\r\\n|\\n)|(?<![:\\])(?:\\r\\n|\\n)(?=[^\w\\]|[A-ZА-ЯЁ]|$)"
)
_ESCAPED: Final = re.compile(r"""\\(["'])""")
M = TypeVar("M", bound=BaseModel)


def mend_text(text: str) -> str:
    r"""Return ``text`` as it was meant.

    ``\n``, ``\"`` and ``<0x0A>`` become what they stand for, unless a real line break shows that they are meant so.
    """
    text = cut_loop(cut_turns(_CONTROL.sub("", well_formed(text.replace("\r\n", "\n"))), lines=False))
    broken = "\n" in text
    text = _BYTE_TOKENS.sub(lambda match: _decoded(match[0], broken=broken), text)
    if broken:
        return text
    text = _ESCAPED_BREAK.sub(lambda match: "\n" * match[0].count(r"\n"), text)
    return _ESCAPED.sub(r"\1", text)


def mend_output(output: M) -> M:
    """Return ``output`` with all its texts mended. Raises `ParseFailed` if it is no longer what was asked for."""
    mended = _mended(output.model_dump())
    try:
        return type(output).model_validate(mended)
    except ValidationError as error:
        fault = error.errors()[0]
        problem = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        raise ParseFailed(problem, "The mended output does not fit any more.") from error


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        text = mend_text(value)
        return "" if is_blank(text) else text
    if isinstance(value, list):
        return [_mended(each) for each in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _mended(each) for name, each in cast("dict[str, Any]", value).items()}
    return value


def _decoded(tokens: str, *, broken: bool) -> str:
    data = bytes(int(token[3:5], 16) for token in re.findall(r"<0x..>", tokens))
    if broken and data.isascii():
        return tokens
    return _CONTROL.sub("", data.decode("utf-8", "ignore"))
