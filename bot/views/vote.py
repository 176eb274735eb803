"""The thumbs under pages and replies."""

from bot.messages import Button
from bot.views.base import ViewContext
from db.votes import VotedText


def vote_buttons(view: ViewContext, text: VotedText, text_id: int) -> tuple[Button, Button]:
    """Return the buttons to vote on a text: thumb up, thumb down."""
    verb = f"vote_{text}"
    return view.button(verb, text_id, 1, label="like"), view.button(verb, text_id, 0, label="dislike")
