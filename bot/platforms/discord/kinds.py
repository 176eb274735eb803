"""Every kind of event that Discord can send: handled, or ignored for a reason.

A test compares the lists with the kinds that the library knows, so that a new kind needs a decision.
"""

from collections.abc import Mapping
from typing import Final

_OTHERS: Final = "the server's own affairs: nothing here depends on it"
_INTENT: Final = "not subscribed to: its intent is not asked for"
_LIBRARY: Final = "kept by the library, for the places and the people of events"

HANDLED_GATEWAY: Final = frozenset({
    "READY", "INTERACTION_CREATE", "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE", "GUILD_CREATE", "GUILD_DELETE",
})  # fmt: skip
IGNORED_GATEWAY: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("GUILD_UPDATE", "CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE",
         "THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC", "GUILD_ROLE_CREATE",
         "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE", "USER_UPDATE"),
        _LIBRARY,
    ),
    **dict.fromkeys(
        ("PRESENCE_UPDATE", "TYPING_START", "GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE", "GUILD_MEMBER_UPDATE",
         "GUILD_MEMBERS_CHUNK", "GUILD_BAN_ADD", "GUILD_BAN_REMOVE", "GUILD_AUDIT_LOG_ENTRY_CREATE",
         "GUILD_EMOJIS_UPDATE", "GUILD_STICKERS_UPDATE", "GUILD_SOUNDBOARD_SOUND_CREATE",
         "GUILD_SOUNDBOARD_SOUND_UPDATE", "GUILD_SOUNDBOARD_SOUND_DELETE", "GUILD_SOUNDBOARD_SOUNDS_UPDATE",
         "GUILD_INTEGRATIONS_UPDATE", "INTEGRATION_CREATE", "INTEGRATION_UPDATE", "INTEGRATION_DELETE",
         "WEBHOOKS_UPDATE", "INVITE_CREATE", "INVITE_DELETE", "VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE",
         "VOICE_CHANNEL_EFFECT_SEND", "GUILD_SCHEDULED_EVENT_CREATE", "GUILD_SCHEDULED_EVENT_UPDATE",
         "GUILD_SCHEDULED_EVENT_DELETE", "GUILD_SCHEDULED_EVENT_USER_ADD", "GUILD_SCHEDULED_EVENT_USER_REMOVE",
         "AUTO_MODERATION_RULE_CREATE", "AUTO_MODERATION_RULE_UPDATE", "AUTO_MODERATION_RULE_DELETE",
         "AUTO_MODERATION_ACTION_EXECUTION", "MESSAGE_POLL_VOTE_ADD", "MESSAGE_POLL_VOTE_REMOVE"),
        _INTENT,
    ),
    **dict.fromkeys(
        ("APPLICATION_COMMAND_PERMISSIONS_UPDATE", "CHANNEL_PINS_UPDATE", "STAGE_INSTANCE_CREATE",
         "STAGE_INSTANCE_UPDATE", "STAGE_INSTANCE_DELETE", "THREAD_MEMBER_UPDATE", "THREAD_MEMBERS_UPDATE"),
        _OTHERS,
    ),
    "RESUMED": "the library goes on where it was",
    "MESSAGE_DELETE": "a deleted message of ours is noticed when it is to be edited; people's own are not kept by id",
    "MESSAGE_DELETE_BULK": "as MESSAGE_DELETE",
    "MESSAGE_REACTION_REMOVE_ALL": "a moderator removed them, not the people who had reacted",
    "MESSAGE_REACTION_REMOVE_EMOJI": "as MESSAGE_REACTION_REMOVE_ALL",
    "ENTITLEMENT_CREATE": "nothing is sold on Discord",
    "ENTITLEMENT_UPDATE": "nothing is sold on Discord",
    "ENTITLEMENT_DELETE": "nothing is sold on Discord",
    "SUBSCRIPTION_CREATE": "nothing is sold on Discord",
    "SUBSCRIPTION_UPDATE": "nothing is sold on Discord",
    "SUBSCRIPTION_DELETE": "nothing is sold on Discord",
}  # fmt: skip

HANDLED_INTERACTIONS: Final = frozenset({"application_command", "component", "autocomplete", "modal_submit"})
IGNORED_INTERACTIONS: Final[Mapping[str, str]] = {"ping": "comes only to an HTTP endpoint, not through the gateway"}

HANDLED_COMMANDS: Final = frozenset({"chat_input", "message"})
IGNORED_COMMANDS: Final[Mapping[str, str]] = {"user": "nothing is done with a person: none is registered"}
