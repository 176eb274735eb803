"""Buttons of linking: consent, cancel, take an identity off."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.commands.linking import require_private
from bot.context import Context
from db import audit, linking, people, sent_messages
from db.linking import Linking
from db.payloads.linking import Linked, LinkQuestion
from db.payloads.notice import Notice
from db.permissions import EVERYBODY

_ASKED: Final = (Arg("asked"),)


async def confirm(context: Context, asked: int) -> None:
    """Consent to being one with the other side."""
    require_private(context)
    noted = await linking.confirm(asked, context.user_id)
    await context.change_pressed(LinkQuestion(linking=asked))
    if noted.state != "done":
        await context.notice("link.waiting", private=False)
        return
    await audit.note("link", account_id=await people.personal_account(noted.user_id), user_id=noted.user_id)
    await context.say(Linked(user=noted.user_id))
    await _tell_other_side(context, noted, Linked(user=noted.user_id))


async def cancel(context: Context, asked: int) -> None:
    """End a linking, whichever side one is."""
    require_private(context)
    ended = await linking.cancel(asked, context.user_id)
    await context.change_pressed(LinkQuestion(linking=asked))
    await context.notice("link.cancelled", private=False)
    await _tell_other_side(context, ended, Notice(key="link.cancelled"))


async def unlink(context: Context, identity: int) -> None:
    """Take an identity off: it is somebody new then."""
    require_private(context)
    split = await linking.split(context.user_id, identity)
    account = await people.personal_account(context.user_id)
    await audit.note("unlink", account_id=account, user_id=context.user_id, subject=split.identity.platform)
    for each in split.abandoned:
        await context.answer_for(each)
    told = Notice(key="link.unlinked", values={"platform": split.identity.platform.capitalize()})
    await context.change_pressed(told)
    await context.say(told)
    for chat in await people.private_chats(context.user_id):
        if chat != context.conversation_id:
            await context.tell(chat, context.user_id, told)


async def keep(context: Context) -> None:
    """Leave everything linked."""
    await context.notice("link.kept")


async def _tell_other_side(context: Context, asked: Linking, payload: Linked | Notice) -> None:
    other = asked.away_from(context.conversation_id)
    if other is None:
        return
    side = asked.other_user_id if other == asked.other_conversation_id else asked.user_id
    for sent in await sent_messages.shown_in(other, LinkQuestion.kind, "linking", asked.id):
        await context.rewrite(sent, side, LinkQuestion(linking=asked.id))
    await context.tell(other, side, payload)


ACTIONS: Final = (
    ActionSpec("link_confirm", confirm, _ASKED, permission=EVERYBODY),
    ActionSpec("link_cancel", cancel, _ASKED, permission=EVERYBODY),
    ActionSpec("unlink", unlink, (Arg("identity"),), permission=EVERYBODY),
    ActionSpec("unlink_keep", keep, permission=EVERYBODY),
)
