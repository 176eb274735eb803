"""Inline keyboards: buttons, links, and selects as rows of buttons."""

from collections.abc import Iterable, Sequence
from typing import Final

from telegram import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup

from bot.messages import Button, Select, SelectOption
from bot.platforms.telegram.render import clean

ROW_LIMIT: Final = 8  # observed: more buttons in a row are refused
BUTTON_LIMIT: Final = 100  # observed: more buttons in a keyboard are refused
COPY_LIMIT: Final = 256  # Bot API, CopyTextButton, characters
_COPY: Final = "📋"
_CHOSEN: Final = "✓"
_ROOM: Final = {3: 14, 2: 22}
"""Characters that fit on a telephone into each of so many buttons in a row."""
_UNNAMED: Final = "—"  # the Bot API refuses empty labels
_STYLES: Final = {"primary": "primary", "success": "success", "danger": "danger"}


def keyboard(
    rows: Iterable[Iterable[Button]], selects: Sequence[Select] = (), *, copies: str = ""
) -> InlineKeyboardMarkup | None:
    """Return the inline keyboard of selects and rows, or None if it would be empty.

    Telegram has no drop-down lists, so options are buttons, short ones side by side, and no disabled buttons, so those
    are left out.
    ``copies`` is the text of a copy button, added if the text is short enough.
    """
    wanted: list[list[InlineKeyboardButton]] = []
    if 0 < len(copies) <= COPY_LIMIT:
        wanted.append([InlineKeyboardButton(_COPY, copy_text=CopyTextButton(copies))])
    for select in selects:
        width = _width(max((len(option.label) for option in select.options), default=0))
        options = [_option(option) for option in select.options]
        wanted += [options[i : i + width] for i in range(0, len(options), width)]
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


def _width(longest: int) -> int:
    """Return how many options stand in a row, by the characters of the longest one."""
    return next((width for width, room in _ROOM.items() if longest <= room), 1)


def _option(option: SelectOption) -> InlineKeyboardButton:
    label = f"{_CHOSEN} {option.label}" if option.chosen else option.label
    return _button(Button(label, option.action, option.word))


def _button(button: Button) -> InlineKeyboardButton:
    label = clean(button.label).strip() or button.word or _UNNAMED
    if button.url:
        return InlineKeyboardButton(label, url=button.url, style=_STYLES.get(button.style))
    return InlineKeyboardButton(label, callback_data=button.action, style=_STYLES.get(button.style))
