"""Forms: what a button or a command asks for before it runs.

Platforms with dialogs show all fields at once, as the direct answer; others ask field by field, with the answers so far
kept in the person's draft. Either way the packed action that opened the form comes back with the values.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from bot import access
from bot.actions.base import Action, ActionRegistry, ActionSpec, Arg, FormSpec
from bot.actions.packing import FILL, BadButton, pack
from bot.commands.base import CommandRegistry, CommandSpec, Parameter
from bot.commands.parsing import typed_values
from bot.context import Context
from bot.locales import text as wording
from bot.messages import Field, Form
from bot.text.cleaning import command_reference, is_unseen
from db.errors import BadInput, Moved, NotAllowed, NotFound
from db.payloads.account import Question
from db.permissions import EVERYBODY, Everybody, Permission


class Forms:
    """Opens forms, asks their fields and handles the answers, for all topics."""

    def __init__(self, commands: CommandRegistry, actions: ActionRegistry) -> None:
        """Both may still grow."""
        self._commands, self._actions = commands, actions

    def actions(self) -> tuple[ActionSpec, ...]:
        """Return the verbs of forms themselves."""
        return (
            ActionSpec(
                FILL,
                self._run,
                (Arg("command", "name"),),
                form=self._missing,
                check=self._check,
                permission=self._permission,
            ),
            # These answer a question; what it belongs to is checked when the form is complete.
            ActionSpec("keep_field", self._keep, (Arg("field", "name"),), keeps_form=True, permission=EVERYBODY),
            ActionSpec("skip_field", self._skip, (Arg("field", "name"),), keeps_form=True, permission=EVERYBODY),
            ActionSpec(
                "answer_field",
                self._answer,
                (Arg("field", "name"), Arg("value", "name")),
                keeps_form=True,
                permission=EVERYBODY,
            ),
        )

    async def open(self, context: Context, action: Action, given: Mapping[str, str]) -> Form | None:
        """Return the whole form that an action opens, without the fields already ``given``; None if it opens none.

        Raises `db.errors.UserError` if the action would be refused anyway.
        """
        spec = action.form()
        if spec is None:
            return None
        access.require_action(context, action)
        if action.spec.check is not None:
            await action.spec.check(context, **action.args)
        present = {} if spec.prefill is None else await spec.prefill(context, **action.args)
        return _form(spec, action.pack(), given, present, context.language)

    async def ask(self, context: Context, action: Action, given: Mapping[str, str]) -> None:
        """Start asking a form's fields one by one. Raises like `open`."""
        form = await self.open(context, action, given)
        if form is None:
            await self.submit(context, action, given)
            return
        await self._question(context, form, dict(given), {f.name: f.value for f in form.fields if f.value})

    def question(self, packed: str, given: Mapping[str, str], present: Mapping[str, str], language: str) -> Form | None:
        """Return the unanswered rest of a form asked field by field; None if it is from an older release."""
        try:
            action = self._actions.read(packed)
        except BadButton:
            return None
        spec = action.form()
        return None if spec is None else _form(spec, action.pack(), given, present, language)

    async def take(self, context: Context, answer: str) -> None:
        """Take a text as the answer to the current field, then ask the next one or submit the form."""
        draft = context.who.draft or {}
        values, present = _texts(draft.get("values")), _texts(draft.get("present"))
        form = self._left(context, draft)
        if form is None:
            await context.leave_form()
            await context.notice("form.gone")
            return
        field = form.fields[0]
        if len(answer) > field.max_length:
            await context.notice("form.too_long", length=len(answer), limit=field.max_length)
            return
        if answer and field.choices:
            choice = field.chosen(answer)
            if choice is None:
                choices = ", ".join(value for _, value in field.choices)
                raise BadInput("command.bad_choice", parameter=field.label, choices=choices, value=answer)
            answer = choice
        values[field.name] = answer
        left = self.question(form.action, values, present, context.language)
        if left is not None:
            await self._question(context, left, values, present)
            return
        await context.leave_form()
        try:
            await self.submit(context, self._actions.read(form.action), values)
        except (Moved, NotFound, NotAllowed) as e:
            # Answered here: the router's rollback would restore the form. These are raised before any change.
            await context.refuse(e)

    async def hand_in(self, context: Context, action: Action, values: Mapping[str, str]) -> None:
        """Take a whole form from a platform's dialog; a client may ignore its limits.

        Fields that the form does not have are dropped; a missing field keeps its current text.
        Raises `db.errors.UserError`.
        """
        spec = action.form()
        if spec is None:
            raise BadInput("router.old_button")
        present: Mapping[str, str] = {}
        if spec.prefill is not None and any(field.name not in values for field in spec.fields):
            present = await spec.prefill(context, **action.args)
        whole = {field.name: values.get(field.name, present.get(field.name, "")) for field in spec.fields}
        for field in spec.fields:
            value = whole[field.name]
            if len(value) > field.max_length and value != present.get(field.name):
                raise BadInput("form.too_long", length=len(value), limit=field.max_length)
        await self.submit(context, action, whole)

    async def submit(self, context: Context, action: Action, values: Mapping[str, str]) -> None:
        """Run the action of a filled-in form. Raises `db.errors.UserError`."""
        if action.spec.form is None:
            raise BadInput("router.old_button")
        access.require_action(context, action)
        spec = action.form()
        if spec is not None and any(f.required and is_unseen(values.get(f.name, "")) for f in spec.fields):
            raise BadInput("form.required")
        await action.spec.handler(context, values, **action.args)

    async def _question(self, context: Context, form: Form, values: dict[str, str], present: dict[str, str]) -> None:
        await context.keep_form(form.action, values, present)
        await context.say(Question(form=form.action, given=sorted(values), present=present))

    async def _keep(self, context: Context, field: str) -> None:
        """Keep the current field unchanged."""
        asked = self._asked(context, field)
        if asked.required and not asked.value:
            raise BadInput("form.required")
        await self.take(context, asked.value)

    async def _skip(self, context: Context, field: str) -> None:
        """Leave the current field empty."""
        if self._asked(context, field).required:
            raise BadInput("form.required")
        await self.take(context, "")

    async def _answer(self, context: Context, field: str, value: str) -> None:
        """Answer the current field by a button."""
        self._asked(context, field)
        await self.take(context, value)

    def _asked(self, context: Context, field: str) -> Field:
        """Return the current field.

        Raises `NotFound` if there is none, and `BadInput` if it is another one (a button tapped twice).
        """
        draft = context.who.draft
        form = None if draft is None else self._left(context, draft)
        if form is None:
            raise NotFound("form.gone")
        if form.fields[0].name != field:
            raise BadInput("form.answered")
        return form.fields[0]

    def _left(self, context: Context, draft: Mapping[str, Any]) -> Form | None:
        return self.question(
            str(draft.get("form")), _texts(draft.get("values")), _texts(draft.get("present")), context.language
        )

    def _missing(self, command: str) -> FormSpec | None:
        """Return the form of a command's required parameters."""
        spec = self._commands.get(command)
        required = () if spec is None else tuple(_field(p) for p in spec.parameters if p.required)
        return FormSpec(command_reference(command), required) if required else None

    def _permission(self, command: str) -> Permission | Everybody:
        spec = self._commands.get(command)
        return EVERYBODY if spec is None else spec.permission

    async def _check(self, context: Context, command: str) -> None:
        spec = self._commands.get(command)
        if spec is not None and spec.operator and not context.operator:
            raise NotAllowed("operators.only")
        if spec is not None and spec.check is not None:
            await spec.check(context)

    async def _run(self, context: Context, values: Mapping[str, str], command: str) -> None:
        spec = self._commands.get(command)
        if spec is None:
            raise BadInput("router.old_button")
        await run_command(context, spec, values)


def fill(spec: CommandSpec, actions: ActionRegistry) -> Action:
    """Return the action that asks for a command's missing parameters."""
    return actions.read(pack(FILL, spec.name))


async def run_command(context: Context, spec: CommandSpec, values: Mapping[str, str]) -> None:
    """Run a command with all its values. Raises `db.errors.UserError`."""
    access.require_command(context, spec, values)
    await spec.handler(context, typed_values(spec, values))


def _form(
    spec: FormSpec, action: str, given: Mapping[str, str], present: Mapping[str, str], language: str
) -> Form | None:
    fields = tuple(
        replace(
            f,
            label=wording(f.label, language=language),
            placeholder=wording(f.placeholder, language=language),
            value=present.get(f.name, ""),
        )
        for f in spec.fields
        if f.name not in given
    )
    return Form(wording(spec.title, language=language), action, fields) if fields else None


def _texts(kept: object) -> dict[str, str]:
    """Return the texts of a draft by field; empty if another release saved it in another format."""
    if not isinstance(kept, dict):
        return {}
    texts = cast("dict[object, object]", kept)
    return {name: text for name, text in texts.items() if isinstance(name, str) and isinstance(text, str)}


def _field(parameter: Parameter) -> Field:
    return Field(
        parameter.name,
        parameter.help,
        placeholder=parameter.placeholder,
        multiline=parameter.multiline,
        max_length=parameter.max_length,
        choices=parameter.choices,
    )
