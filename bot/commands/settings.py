"""`/settings`: one panel for everything that can be set, for the person or for the place."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bot.actions.base import ActionSpec, Arg, FormSpec
from bot.actions.packing import NAME
from bot.commands.base import CommandSpec
from bot.context import Context, resolve
from bot.panels import PANEL_ARGS, OpenPanel, fresh_panel, pressed_panel, private_chat, show_panel
from bot.preferences import PreferenceOption, PreferenceRegistry, PreferenceSpec
from db.errors import BadInput
from db.payloads.panels import OfferedValue, SettingsPanel, ShownPreference
from db.permissions import EVERYBODY

PERSON: Final = "person"
PLACE: Final = "place"
OPTIONS: Final = 75
"""Values of a preference that are offered at most: three drop-down lists of Discord's."""
KEY_LENGTH: Final = 12
_VALUE: Final = "value"
_PREFERENCE: Final = Arg("preference", "name")


class SettingsPages:
    """The pages of the panel, made of the preferences of all topics."""

    def __init__(self, preferences: PreferenceRegistry) -> None:
        """There may still be more ``preferences``."""
        self._preferences = preferences

    def command(self) -> CommandSpec:
        """Return the command."""
        return CommandSpec(
            "settings",
            "Show and change your settings and those of this place",
            self._settings,
            permission=EVERYBODY,
        )

    def actions(self) -> tuple[ActionSpec, ...]:
        """Return the buttons. What changing a preference takes is checked here, preference by preference."""
        one, value = (*PANEL_ARGS, _PREFERENCE), Arg("value", "name")
        return (
            ActionSpec("settings", self._page, (*PANEL_ARGS, Arg("page", "name")), permission=EVERYBODY),
            ActionSpec("setting", self._open, one, permission=EVERYBODY),
            ActionSpec("set", self._set, (*one, value), permission=EVERYBODY),
            ActionSpec(
                "type_setting",
                self._type,
                one,
                form=self._form,
                check=self._check_form,
                permission=EVERYBODY,
            ),
        )

    async def _settings(self, context: Context, values: dict[str, Any]) -> None:
        del values
        await self._list(context, fresh_panel(context), PERSON)

    async def _page(self, context: Context, owner: int, opened: int, page: str) -> None:
        """Show the settings of the person or the place."""
        await self._list(context, await pressed_panel(context, owner, opened), page)

    async def _open(self, context: Context, owner: int, opened: int, preference: str) -> None:
        """Show a preference with the values that it can have."""
        panel = await pressed_panel(context, owner, opened)
        spec = await self._changeable(context, preference)
        present = await spec.read(context)
        options = await _options(context, spec)
        payload = SettingsPanel(
            owner=panel.owner,
            opened=panel.opened,
            page=_page_of(context, spec),
            preference=ShownPreference(name=spec.name, label=spec.label, value=_shown(present, options)),
            help=spec.help,
            values=[OfferedValue(key=_key(o.value), label=o.shown, chosen=o.value == present) for o in options],
            typed=spec.form is not None,
        )
        await show_panel(context, panel, payload)

    async def _set(self, context: Context, owner: int, opened: int, preference: str, value: str) -> None:
        """Choose a value, unless the panel has been open for too long."""
        panel = await pressed_panel(context, owner, opened)
        spec = await self._changeable(context, preference)
        if panel.expired:
            await self._list(context, panel, _page_of(context, spec), stale=True)
            return
        chosen = next((o for o in await _options(context, spec) if _key(o.value) == value), None)
        if chosen is None:
            raise BadInput("settings.no_value")
        await self._save(context, panel, spec, chosen.value)

    async def _type(
        self, context: Context, values: Mapping[str, str], owner: int, opened: int, preference: str
    ) -> None:
        """Take a value that was typed."""
        panel = await pressed_panel(context, owner, opened)
        spec = await self._changeable(context, preference)
        await self._save(context, panel, spec, values.get(_VALUE, "").strip())

    async def _save(self, context: Context, panel: OpenPanel, spec: PreferenceSpec, value: str) -> None:
        await spec.write(context, value)
        if spec.holder == "place":
            await context.audit("setting", spec.name)
        context.who = await resolve(context.event)  # with what was just stored
        await self._list(context, panel, _page_of(context, spec), saved=await _present(context, spec))

    async def _list(
        self,
        context: Context,
        panel: OpenPanel,
        page: str,
        *,
        saved: ShownPreference | None = None,
        stale: bool = False,
    ) -> None:
        """Show the preferences of a page. In a private chat, person and place are one."""
        tabs = [] if private_chat(context) else await self._tabs(context)
        page = page if page in tabs else PERSON
        entries = [
            await _present(context, spec)
            for spec in self._preferences
            if (not tabs or spec.holder == page) and await _may_change(context, spec)
        ]
        payload = SettingsPanel(
            owner=panel.owner,
            opened=panel.opened,
            page=page,
            tabs=tabs,
            entries=entries,
            saved=saved,
            prompts=context.may("prompts") and page == (tabs[-1] if tabs else PERSON),
            stale=stale,
        )
        await show_panel(context, panel, payload)

    async def _tabs(self, context: Context) -> list[str]:
        for spec in self._preferences:
            if spec.holder == PLACE and await _may_change(context, spec):
                return [PERSON, PLACE]
        return [PERSON]

    async def _changeable(self, context: Context, name: str) -> PreferenceSpec:
        """Return a preference that the person may change here. Raises `BadInput`, `NotAllowed`."""
        spec = self._preferences.get(name)
        if spec is None:
            raise BadInput("router.old_button")
        context.require_on(spec.command)
        if spec.permission != EVERYBODY:
            context.require(spec.permission)
        if not await _may_change(context, spec):
            raise BadInput("settings.not_here")
        return spec

    def _form(self, owner: int, opened: int, preference: str) -> FormSpec | None:
        del owner, opened
        spec = self._preferences.get(preference)
        if spec is None or spec.form is None:
            return None

        async def present(context: Context, **args: object) -> Mapping[str, str]:
            del args
            return {_VALUE: await spec.read(context)}

        return FormSpec(spec.label, (replace(spec.form, name=_VALUE),), present)

    async def _check_form(self, context: Context, owner: int, opened: int, preference: str) -> None:
        await pressed_panel(context, owner, opened)
        await self._changeable(context, preference)


def _permitted(context: Context, spec: PreferenceSpec) -> bool:
    if context.switched_off(spec.command):
        return False
    return spec.permission == EVERYBODY or context.may(spec.permission)


async def _may_change(context: Context, spec: PreferenceSpec) -> bool:
    return _permitted(context, spec) and (spec.available is None or await spec.available(context))


async def _options(context: Context, spec: PreferenceSpec) -> Sequence[PreferenceOption]:
    return () if spec.options is None else (await spec.options(context))[:OPTIONS]


async def _present(context: Context, spec: PreferenceSpec) -> ShownPreference:
    value = _shown(await spec.read(context), await _options(context, spec))
    return ShownPreference(name=spec.name, label=spec.label, value=value)


def _page_of(context: Context, spec: PreferenceSpec) -> str:
    return PERSON if private_chat(context) else spec.holder


def _shown(value: str, options: Sequence[PreferenceOption]) -> str:
    return next((o.shown for o in options if o.value == value), value or "settings.unset")


def _key(value: str) -> str:
    """Return what a button carries for a value: the value itself if it fits, else a short digest of it."""
    if NAME.fullmatch(value) is not None and len(value) <= KEY_LENGTH:
        return value
    return hashlib.sha256(value.encode()).hexdigest()[:KEY_LENGTH]
