"""Messages of linking."""

from collections.abc import Sequence
from typing import Final

from bot.links import LINK, link_payload
from bot.messages import Button, Message
from bot.views.base import ViewContext, ViewSpec
from db import bots, linking, people
from db.linking import Linking
from db.payloads.linking import LinkCode, Linked, LinkQuestion, UnlinkQuestion
from db.people import Identity


async def code(view: ViewContext, payload: LinkCode) -> Message:
    """Compose a code. It is made now: only its hash is stored."""
    made = await linking.new_code(payload.linking)
    if made is None:
        return Message(view.words("link.gone"))
    # Who is to come from another platform may follow a link instead of typing; both sides are asked all the same.
    links = tuple(
        Button(view.words("link.open", platform=platform.capitalize()), url=link + link_payload(LINK, made))
        for platform, link in (await bots.start_links()).items()
        if platform != view.platform
    )
    said = view.words("link.code", code=made, minutes=linking.LIFE_SECONDS // 60)
    return Message(said, buttons=tuple((link,) for link in links))


async def question(view: ViewContext, payload: LinkQuestion) -> Message:
    """Compose the question whether the other side is the same person."""
    asked = await linking.get(payload.linking)
    if asked is None or asked.other_user_id is None:
        return Message(view.words("link.gone"))
    if asked.state == "done":
        return await _linked(view, asked.user_id)
    if not asked.open:
        return Message(view.words("link.cancelled" if asked.state == "cancelled" else "link.gone"))
    return await _question(view, asked, asked.other_user_id)


async def _question(view: ViewContext, asked: Linking, other_id: int) -> Message:
    first, other = await people.identities_of(asked.user_id), await people.identities_of(other_id)
    is_first = any((i.platform, i.external_id) == (view.platform, view.user_id) for i in first)
    confirmed = asked.confirmed if is_first else asked.other_confirmed
    cancel = view.button("link_cancel", asked.id, label="cancel")
    names = _names(view, other if is_first else first)
    if confirmed:
        return Message(view.words("link.confirmed", who=names), buttons=((cancel,),))
    return Message(
        view.words("link.ask", who=names, first=_names(view, first)),
        buttons=((view.button("link_confirm", asked.id, style="success"), cancel),),
    )


async def linked(view: ViewContext, payload: Linked) -> Message:
    """Compose what a person is now."""
    return await _linked(view, payload.user)


async def unlink(view: ViewContext, payload: UnlinkQuestion) -> Message:
    """Compose the question which identity to take off, and what that means."""
    found = await people.identities_of(payload.user)
    buttons = [
        view.button("unlink", i.id, text=view.words("button.unlink", name=_name(view, i)), style="danger")
        for i in found
    ]
    return Message(
        view.words("link.unlink_ask", who=_names(view, found)),
        buttons=(*((button,) for button in buttons), (view.button("unlink_keep", label="keep"),)),
    )


async def _linked(view: ViewContext, user_id: int) -> Message:
    return Message(view.words("link.linked", who=_names(view, await people.identities_of(user_id))))


def _names(view: ViewContext, identities: Sequence[Identity]) -> str:
    return ", ".join(_name(view, identity) for identity in identities)


def _name(view: ViewContext, identity: Identity) -> str:
    return view.words("link.name", platform=identity.platform.capitalize(), name=identity.name)


VIEWS: Final = (
    ViewSpec(LinkCode, code),
    ViewSpec(LinkQuestion, question),
    ViewSpec(Linked, linked),
    ViewSpec(UnlinkQuestion, unlink),
)
