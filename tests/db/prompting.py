"""Somebody who changes, tests and judges prompts."""

from db import overrides, prompt_tests, votes
from db.overrides import PromptScope
from db.people import Who
from db.stories import Move


async def prompts(name: str, who: Who, move: Move) -> None:
    """Leave words of somebody, and their vote, in the tables of prompts: for all they have, and for a story's page."""
    account, user, page = who.account.id, who.user.id, move.page.id
    for scope in (PromptScope(), PromptScope(story_id=move.story.id)):
        await overrides.put(account, "story/write_page", f"Write as {name} would.", user_id=user, scope=scope)
    variant, _ = await prompt_tests.add_variant(
        account, "story/write_page", f"Write as {name} might.", 50, user_id=user, verdict="checked"
    )
    await prompt_tests.note_text(variant, page_id=page, message_id=None)
    await votes.vote(account, user, "page", page, up=True)
