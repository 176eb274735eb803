"""What a text is packed in: data around it, marks of a web page, a button of a program."""

import json
import re
from typing import Any, Final

_KEYS: Final = ("reply", "response", "text", "answer", "message", "content", "output", "dialogue", "choice", "action")
"""Names under which models give the text itself."""
_TAG: Final = re.compile(
    r"</?(?:p|div|span|br|b|i|u|em|strong|html|body|ul|ol|li|center|s)(?: ?/)?>"
    r"|<\|(?:im_start|im_end|endoftext|assistant|eot_id)\|>",
    re.IGNORECASE,
)
_BUTTON: Final = re.compile(r"[\[(](?:continue|continued|next|end|stop|start|reply|response)[\])][.!]?", re.IGNORECASE)
_TITLED: Final = re.compile(r"\A\W*title\W*: [^\n]{1,80}\n", re.IGNORECASE)
_POEM: Final = re.compile(r"\b(?:title|poem|song|story|tale|book|verse)", re.IGNORECASE)
_CODE: Final = re.compile(r"`|\b(?:html|json|xml|tags?|code)\b", re.IGNORECASE)
"""In a text or in what it answers: then tags and data may be what is meant."""


def unwrapped(text: str, asked: str = "") -> str:
    """Return a text without what it is packed in; as it is where ``asked``, or the text itself, speaks of code.

    What was asked for may have a title.
    """
    if _CODE.search(asked) or _CODE.search(text):
        return text
    said = _TAG.sub("", _from_data(text))
    said = said if _POEM.search(asked) else _TITLED.sub("", said)
    if said == text and "[" not in text and "(" not in text:
        return text
    kept = [line for line in said.split("\n") if not _BUTTON.fullmatch(line.strip())]
    return "\n".join(kept).strip() if said != text or len(kept) <= said.count("\n") else text


def _from_data(text: str) -> str:
    """Return the text that an object of data holds; any other text as it is."""
    held = text.strip()
    if not (held.startswith("{") and held.endswith("}")):
        return text
    try:
        found: Any = json.loads(held, strict=False)
    except ValueError:
        return text
    if not isinstance(found, dict):
        return text
    texts: list[str] = [found[key] for key in _KEYS if isinstance(found.get(key), str)]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return texts[0] if len(texts) == 1 else text
