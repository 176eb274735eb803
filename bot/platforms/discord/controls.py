"""Buttons, drop-down lists and dialogs in Discord's JSON. Limits: Discord's documentation, "Component reference"."""

import logging
from typing import Final

from bot.messages import Button, Field, Form, Select, SelectOption
from bot.platforms.discord.api import Body
from bot.platforms.discord.markdown import plain
from bot.text.splitting import shortened

ROW: Final = 5
ROWS: Final = 5
LABEL: Final = 80
URL: Final = 512
OPTIONS: Final = 25
OPTION_TEXT: Final = 100
SELECT_PLACEHOLDER: Final = 150
SELECT_ID: Final = "select"
"""Prefix of a drop-down list's id: the chosen option holds the packed action, not the list."""
TITLE: Final = 45
PLACEHOLDER: Final = 100
TEXT_INPUT: Final = 4000
KEPT: Final = "~"
"""Suffix of the id of an input whose text is too long for a dialog: left empty, it keeps that text."""
_STYLES: Final = {"primary": 1, "secondary": 2, "success": 3, "danger": 4}
_LINK: Final = 5
_UNNAMED: Final = "—"
_log = logging.getLogger(__name__)


def components(rows: tuple[tuple[Button, ...], ...], selects: tuple[Select, ...] = ()) -> list[Body]:
    """Return drop-down lists followed by rows of at most five buttons; at most five rows in all.

    A list with more than 25 options becomes several.
    """
    menus = [
        (select.placeholder, select.options[n : n + OPTIONS])
        for select in selects
        for n in range(0, len(select.options), OPTIONS)
    ]
    made: list[Body] = []
    for number, (placeholder, options) in enumerate(menus):
        menu: Body = {
            "type": 3,
            "custom_id": f"{SELECT_ID}{number}",
            "options": [_option(option) for option in options],
        }
        if placeholder:
            menu["placeholder"] = shortened(plain(placeholder), SELECT_PLACEHOLDER)
        made.append({"type": 1, "components": [menu]})
    broken = [row[n : n + ROW] for row in rows for n in range(0, len(row), ROW)]
    made += [{"type": 1, "components": [_button(b) for b in row]} for row in broken]
    if len(made) > ROWS:
        _log.error("a message has %d rows of buttons; Discord shows %d", len(made), ROWS)
    return made[:ROWS]


def dialog(form: Form) -> Body:
    """Return a form as a modal."""
    return {
        "title": _shown(form.title, TITLE),
        "custom_id": form.action,
        "components": [{"type": 1, "components": [_input(field)]} for field in form.fields],
    }


def _input(field: Field) -> Body:
    limit = min(field.max_length, TEXT_INPUT)
    shown = field.value if len(field.value) <= limit else ""
    kept = bool(field.value) and not shown
    body: Body = {
        "type": 4,
        "custom_id": f"{field.name}{KEPT}" if kept else field.name,
        "label": _shown(field.label, TITLE),
        "style": 2 if field.multiline else 1,
        "required": field.required and not kept,
        "max_length": limit,
    }
    if shown:
        body["value"] = shown
    if field.placeholder:
        body["placeholder"] = shortened(plain(field.placeholder), PLACEHOLDER)
    return body


def _shown(text: str, limit: int) -> str:
    """Return a label; Discord refuses empty ones, and the whole message with them."""
    return shortened(plain(text).strip(), limit) or _UNNAMED


def _option(option: SelectOption) -> Body:
    body: Body = {"label": _shown(option.label, OPTION_TEXT), "value": option.action}
    if option.description:
        body["description"] = shortened(plain(option.description), OPTION_TEXT)
    return {**body, "default": True} if option.chosen else body


def _button(button: Button) -> Body:
    body: Body = {"type": 2, "label": _shown(button.label, LABEL), "disabled": button.disabled}
    if button.url:
        return {**body, "style": _LINK, "url": button.url[:URL]}
    return {**body, "style": _STYLES[button.style], "custom_id": button.action}
