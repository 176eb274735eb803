"""Buttons to vote: a thumb up or down under pages and replies."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.context import Context
from db import votes
from db.votes import VotedText


async def vote_page(context: Context, page: int, up: int) -> None:
    """Vote on a page."""
    await _vote(context, "page", page, up)


async def vote_reply(context: Context, message: int, up: int) -> None:
    """Vote on a reply."""
    await _vote(context, "reply", message, up)


async def _vote(context: Context, text: VotedText, text_id: int, up: int) -> None:
    await votes.vote(context.account_id, context.user_id, text, text_id, up=up > 0)
    await context.notice("vote.up" if up > 0 else "vote.down")


ACTIONS: Final = (
    ActionSpec("vote_page", vote_page, (Arg("page"), Arg("up", "number")), command="story", permission="play"),
    ActionSpec("vote_reply", vote_reply, (Arg("message"), Arg("up", "number")), command="chat", permission="chat"),
)
