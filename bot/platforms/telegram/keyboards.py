"""Inline keyboards: buttons, links, and selects as rows of buttons."""

from collections.abc import Iterable, Sequence
from typing import Final

from telegram import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup

from bot.messages import Button, Select
from bot.platforms.telegram.render import clean

ROW_LIMIT: Final = 8  # observed: more buttons in a row are refused
BUTTON_LIMIT: Final = 100  # observed: more buttons in a keyboard are refused
COPY_LIMIT: Final = 256  # Bot API, CopyTextButton, characters
_COPY: Final = "📋"
_UNNAMED: Final = "—"  # the Bot API refuses empty labels
_STYLES: Final = {"primary": "primary", "success": "success", "danger": "danger"}


def keyboard(
    rows: Iterable[Iterable[Button]], selects: Sequence[Select] = (), *, copies: str = ""
) -> InlineKeyboardMarkup | None:
    """Return the inline keyboard of selects and rows, or None if it would be empty.

    Telegram has no drop-down lists, so each option is a row, and no disabled buttons, so those are left out.
    ``copies`` is the text of a copy button, added if the text is short enough.
    """
    wanted: list[list[InlineKeyboardButton]] = []
    if 0 < len(copies) <= COPY_LIMIT:
        wanted.append([InlineKeyboardButton(_COPY, copy_text=CopyTextButton(copies))])
    for select in selects:
        wanted += [[_button(Button(option.label, option.action, option.word))] for option in select.options]
    for row in rows:
        buttons = [_button(button) for button in row if not button.disabled]
        wanted += [buttons[i : i + ROW_LIMIT] for i in range(0, len(buttons), ROW_LIMIT)]
    shown: list[list[InlineKeyboardButton]] = []
    left = BUTTON_LIMIT
    for buttons in wanted:
        if cut := buttons[:left]:
            shown.append(cut)
        left -= len(cut)
    return InlineKeyboardMarkup(shown) if shown else None


def _button(button: Button) -> InlineKeyboardButton:
    label = clean(button.label).strip() or button.word or _UNNAMED
    if button.url:
        return InlineKeyboardButton(label, url=button.url, style=_STYLES.get(button.style))
    return InlineKeyboardButton(label, callback_data=button.action, style=_STYLES.get(button.style))
