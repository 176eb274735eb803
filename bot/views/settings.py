"""The panel of settings."""

from typing import Final

from bot.messages import Button, Message, Select, SelectOption
from bot.views.base import A_ROW, FEW, ViewContext, ViewSpec, in_rows, select_of
from db.payloads.panels import SettingsPanel, ShownPreference


async def settings(view: ViewContext, payload: SettingsPanel) -> Message:
    """Compose the settings, or one of them with its values."""
    if payload.preference is None:
        return _overview(view, payload)
    return _one(view, payload, payload.preference)


def _overview(view: ViewContext, payload: SettingsPanel) -> Message:
    at = (payload.owner, payload.opened)
    lines = [
        view.words("settings.line", label=_shown(view, e.label), value=_shown(view, e.value)) for e in payload.entries
    ]
    if not lines:
        lines.append(view.words("settings.nothing"))
    if payload.prompts:
        lines.append(view.words("settings.prompts"))
    if payload.stale:
        lines.insert(0, view.words("settings.stale") + "\n")
    elif payload.saved is not None:
        lines.insert(0, _line(view, "settings.saved", payload.saved) + "\n")
    entries = [view.button("setting", *at, e.name, text=_shown(view, e.label)) for e in payload.entries]
    tabs: list[Button] = []
    for tab in payload.tabs if len(payload.tabs) > 1 else ():
        style = "primary" if tab == payload.page else "secondary"
        tabs.append(view.button("settings", *at, tab, label=f"settings_{tab}", style=style))
    page = payload.page if payload.tabs else "all"
    selects: tuple[Select, ...] = ()
    if len(entries) > FEW:
        values = [_shown(view, entry.value) for entry in payload.entries]
        selects, entries = (select_of(view.words("settings.choose"), entries, values),), []
    return Message(
        "\n".join(lines),
        title=view.words(f"settings.title_{page}"),
        selects=selects,
        buttons=(*in_rows(tabs), *in_rows(entries, A_ROW), (view.button("start", *at, label="home"),)),
        private=view.place != "dm",
        menu=True,
    )


def _one(view: ViewContext, payload: SettingsPanel, preference: ShownPreference) -> Message:
    at = (payload.owner, payload.opened)
    lines = [view.words("settings.now", value=_shown(view, preference.value))]
    if payload.help:
        lines.insert(0, view.words(payload.help))
    values = [(value, view.button("set", *at, preference.name, value.key)) for value in payload.values]
    buttons: list[Button] = []
    selects: tuple[Select, ...] = ()
    if len(values) <= FEW:
        buttons = [
            view.button(
                "set", *at, preference.name, value.key, text=_shown(view, value.label),
                style="primary" if value.chosen else "secondary",
            )
            for value in payload.values
        ]  # fmt: skip
    else:
        options = tuple(
            SelectOption(_shown(view, value.label), button.action, word=value.key, chosen=value.chosen)
            for value, button in values
        )
        selects = (Select(_shown(view, preference.label), options),)
    typing = (view.button("type_setting", *at, preference.name),) if payload.typed else ()
    return Message(
        "\n".join(lines),
        title=_shown(view, preference.label),
        selects=selects,
        buttons=(*in_rows(buttons, A_ROW), (*typing, view.button("settings", *at, payload.page, label="back"))),
        private=view.place != "dm",
        menu=True,
    )


def _line(view: ViewContext, key: str, shown: ShownPreference) -> str:
    return view.words(key, label=_shown(view, shown.label), value=_shown(view, shown.value))


def _shown(view: ViewContext, label: str) -> str:
    return view.words(label)


VIEWS: Final = (ViewSpec(SettingsPanel, settings),)
