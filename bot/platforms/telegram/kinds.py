"""Every kind of update that Telegram can send: handled, or ignored for a reason.

A test compares the lists with the kinds that the library knows, so that a new kind needs a decision.
Only the handled kinds are requested (``allowed_updates``).
"""

from collections.abc import Mapping
from typing import Final

HANDLED: Final = ("message", "edited_message", "callback_query", "message_reaction", "my_chat_member")

_CHANNEL: Final = "the bot does not write in channels"
_BUSINESS: Final = "the bot does not answer in the name of business accounts"
_MONEY: Final = "nothing is sold on Telegram"
_MEMBERS: Final = "members are looked up when it matters"
IGNORED: Final[Mapping[str, str]] = {
    "channel_post": _CHANNEL,
    "edited_channel_post": _CHANNEL,
    "inline_query": "inline mode is off",
    "chosen_inline_result": "inline mode is off",
    "shipping_query": _MONEY,
    "pre_checkout_query": _MONEY,
    "purchased_paid_media": _MONEY,
    "poll": "the bot starts no polls of Telegram's",
    "poll_answer": "the bot starts no polls of Telegram's",
    "chat_member": _MEMBERS,
    "chat_join_request": "the bot decides on no join requests",
    "chat_boost": "nothing depends on boosts",
    "removed_chat_boost": "nothing depends on boosts",
    "message_reaction_count": "counts of anonymous reactions in channels",
    "business_connection": _BUSINESS,
    "business_message": _BUSINESS,
    "edited_business_message": _BUSINESS,
    "deleted_business_messages": _BUSINESS,
    "managed_bot": "the bot manages no other bots",
    "guest_message": "the bot takes part only in chats that it is in",
}
