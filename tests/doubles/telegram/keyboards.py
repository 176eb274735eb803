"""reply_markup: inline keyboards, ForceReply and reply keyboards, checked as Telegram checks them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from tests.doubles.telegram.entities import utf16_length
from tests.doubles.telegram.params import Params
from tests.doubles.telegram.rules import BUTTON_ACTIONS, BUTTON_STYLES, Rules, bad_request
from tests.doubles.telegram.state import Button, ForceReply

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Markup:
    """A message's markup; ``raw`` is the inline keyboard as given back in messages. ``other``: a reply keyboard."""

    buttons: list[list[Button]] = field(default_factory=list[list[Button]])
    raw: Json | None = None
    force_reply: ForceReply | None = None
    other: bool = False


def read_markup(params: Params, rules: Rules) -> Markup:
    """Reads reply_markup; raises ApiError 400."""
    data = params.object("reply_markup", "reply markup")
    if data is None:
        return Markup()
    if "inline_keyboard" in data:
        return _inline(data["inline_keyboard"], rules)
    if data.get("force_reply") is True:
        placeholder = cast("str | None", data.get("input_field_placeholder"))
        if placeholder is not None and not 1 <= utf16_length(placeholder) <= rules.placeholder_length:
            raise bad_request("input field placeholder is too long")
        return Markup(force_reply=ForceReply(placeholder, data.get("selective") is True))
    if "keyboard" in data:
        return Markup(other=True)
    if data.get("remove_keyboard") is True or not data:
        return Markup()
    raise bad_request("can't parse reply markup JSON object")


def _inline(rows: Any, rules: Rules) -> Markup:
    if not isinstance(rows, list):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup should be an Array of Arrays')
    buttons: list[list[Button]] = []
    for row in cast("list[Any]", rows):
        if not isinstance(row, list):
            raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup should be an Array of Arrays')
        cells = cast("list[Any]", row)
        if len(cells) > rules.buttons_per_row:
            raise bad_request("REPLY_MARKUP_TOO_LONG")
        if cells:
            buttons.append([_button(cell, rules) for cell in cells])
    if sum(len(row) for row in buttons) > rules.buttons:
        raise bad_request("REPLY_MARKUP_TOO_LONG")
    return Markup(buttons, {"inline_keyboard": rows} if buttons else None)


def _button(cell: Any, rules: Rules) -> Button:
    if not isinstance(cell, dict):
        raise bad_request("can't parse inline keyboard button: expected an Object")
    data = cast("Json", cell)
    text = data.get("text")
    if not isinstance(text, str):
        raise bad_request('can\'t parse inline keyboard button: field "text" must be of type String')
    if not text.strip():
        raise bad_request("can't parse inline keyboard button: inline keyboard button text must be non-empty")
    actions = BUTTON_ACTIONS & data.keys()
    if len(actions) != 1:
        raise bad_request("can't parse inline keyboard button: text buttons are unallowed in the inline keyboard")
    if data.get("style") is not None and data["style"] not in BUTTON_STYLES:
        raise bad_request("can't parse inline keyboard button: invalid button style specified")
    callback, url = data.get("callback_data"), data.get("url")
    if callback is not None and not 1 <= len(str(callback).encode()) <= rules.callback_data_bytes:
        raise bad_request("BUTTON_DATA_INVALID")
    if url is not None and not str(url).startswith(("http://", "https://", "tg://")):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Unsupported URL protocol")
    return Button(text, callback, url, _copied(data.get("copy_text"), rules))


def _copied(value: Any, rules: Rules) -> str | None:
    if value is None:
        return None
    text = cast("Json", value).get("text") if isinstance(value, dict) else None
    if not isinstance(text, str) or not 1 <= len(text) <= rules.copy_length:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")
    return text
