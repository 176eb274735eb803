"""The question for one field of a form."""

from dataclasses import replace
from typing import Final, Literal

from bot.messages import Button, Message
from bot.views.base import ViewContext, ViewSpec
from db.payloads.account import Question


async def question(view: ViewContext, payload: Question) -> Message | None:
    """Compose the question, with the current value and the buttons that keep or clear it."""
    given = dict.fromkeys(payload.given, "")
    form = view.around.forms.question(payload.form, given, payload.present, view.words.language)
    if form is None:
        return None
    field = form.fields[0]
    keep = (replace(view.button("keep_field", field.name), role="keep"),) if field.value else ()
    skip = (_skip(view, field.name, "clear" if field.value else "skip"),) if not field.required else ()
    choices = [_choice(view, field.name, *pair) for pair in field.choices]
    rows = (*((button,) for button in choices if button is not None), (*keep, *skip))
    footer = view.words("form.cancel_hint")
    return Message(field.label, title=form.title, footer=footer, asks=field, buttons=tuple(filter(None, rows)))


def _choice(view: ViewContext, field: str, label: str, value: str) -> Button | None:
    """Return the button of an answer; None if its value is too long or odd for one: it can still be typed."""
    try:
        return replace(view.button("answer_field", field, value, text=label), word=value)
    except ValueError:
        return None


def _skip(view: ViewContext, field: str, role: Literal["skip", "clear"]) -> Button:
    return replace(view.button("skip_field", field, label=f"{role}_field"), role=role)


VIEWS: Final = (ViewSpec(Question, question),)
