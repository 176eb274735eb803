"""Discord's limits as data. Source: Discord's public API documentation and its OpenAPI description (August 2026).

Lengths are in code points, durations in seconds, sizes in bytes.
"""

import re
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

CONTENT: Final = 2000
NONCE: Final = 25
NONCE_MEMORY: Final = 300.0
"""Seconds for which an enforced nonce is remembered ("the past few minutes")."""

EMBEDS: Final = 10
EMBED_TOTAL: Final = 6000
EMBED_TITLE: Final = 256
EMBED_DESCRIPTION: Final = 4096
EMBED_FIELDS: Final = 25
EMBED_FIELD_NAME: Final = 256
EMBED_FIELD_VALUE: Final = 1024
EMBED_FOOTER: Final = 2048
EMBED_AUTHOR: Final = 256

ROWS: Final = 5
ROW_BUTTONS: Final = 5
LABEL: Final = 80
CUSTOM_ID: Final = 100
URL: Final = 512
SELECT_OPTIONS: Final = 25
SELECT_TEXT: Final = 100
SELECT_PLACEHOLDER: Final = 150
COMPONENTS_V2: Final = 40
COMPONENTS_V2_TEXT: Final = 4000
GALLERY_ITEMS: Final = 10
SECTION_TEXTS: Final = 3
ALT_TEXT: Final = 1024

MODAL_TITLE: Final = 45
MODAL_COMPONENTS: Final = 5
MODAL_LABEL: Final = 45
MODAL_DESCRIPTION: Final = 100
TEXT_INPUT: Final = 4000
TEXT_INPUT_PLACEHOLDER: Final = 100

THREAD_NAME: Final = 100
ARCHIVE_DURATIONS: Final = (60, 1440, 4320, 10080)

COMMANDS: Final = {1: 100, 2: 15, 3: 15}
"""Registered commands per scope, by type: chat input, user, message."""
COMMAND_NAME: Final = 32
COMMAND_NAME_PATTERN: Final = re.compile(r"[-_'\w]{1,32}")
COMMAND_DESCRIPTION: Final = 100
COMMAND_OPTIONS: Final = 25
COMMAND_CHOICES: Final = 25
CHOICE_TEXT: Final = 100
COMMAND_TOTAL: Final = 8000
STRING_OPTION: Final = 6000

FILE: Final = 10 * 1024 * 1024
REQUEST: Final = 25 * 1024 * 1024
ATTACHMENTS: Final = 10

ACK_WINDOW: Final = 3.0
TOKEN_LIFETIME: Final = 900.0
FOLLOW_UPS: Final = 5
"""Per interaction where only the person has installed the app."""
EDITS: Final = (5, 5.0)
"""Creations and edits of messages per channel: how many in how many seconds."""
WEBHOOK_REQUESTS: Final = (5, 2.0)
WEBHOOKS: Final = 15
"""Per channel."""
WEBHOOK_NAME: Final = 80
REFUSED_NAMES: Final = ("clyde", "discord")
"""No webhook's name may hold one of these words, in whatever case."""
OTHER_REQUESTS: Final = (50, 1.0)
GLOBAL_REQUESTS: Final = (50, 1.0)
GATEWAY_COMMANDS: Final = (120, 60.0)

SUPPRESS_EMBEDS: Final = 1 << 2
EPHEMERAL: Final = 1 << 6
LOADING: Final = 1 << 7
SUPPRESS_NOTIFICATIONS: Final = 1 << 12
IS_COMPONENTS_V2: Final = 1 << 15
SETTABLE_FLAGS: Final = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | IS_COMPONENTS_V2

GUILDS: Final = 1 << 0
GUILD_MEMBERS: Final = 1 << 1
GUILD_PRESENCES: Final = 1 << 8
GUILD_MESSAGES: Final = 1 << 9
GUILD_MESSAGE_REACTIONS: Final = 1 << 10
GUILD_MESSAGE_TYPING: Final = 1 << 11
DIRECT_MESSAGES: Final = 1 << 12
DIRECT_MESSAGE_REACTIONS: Final = 1 << 13
DIRECT_MESSAGE_TYPING: Final = 1 << 14
MESSAGE_CONTENT: Final = 1 << 15
ALL_INTENTS: Final = (1 << 26) - 1

PERMISSIONS: Final = {
    "ADMINISTRATOR": 1 << 3,
    "MANAGE_CHANNELS": 1 << 4,
    "MANAGE_GUILD": 1 << 5,
    "ADD_REACTIONS": 1 << 6,
    "VIEW_CHANNEL": 1 << 10,
    "SEND_MESSAGES": 1 << 11,
    "MANAGE_MESSAGES": 1 << 13,
    "EMBED_LINKS": 1 << 14,
    "ATTACH_FILES": 1 << 15,
    "READ_MESSAGE_HISTORY": 1 << 16,
    "MANAGE_WEBHOOKS": 1 << 29,
    "USE_APPLICATION_COMMANDS": 1 << 31,
    "MANAGE_THREADS": 1 << 34,
    "CREATE_PUBLIC_THREADS": 1 << 35,
    "CREATE_PRIVATE_THREADS": 1 << 36,
    "SEND_MESSAGES_IN_THREADS": 1 << 38,
}
EVERYONE: Final = sum(
    PERMISSIONS[name]
    for name in (
        "ADD_REACTIONS",
        "VIEW_CHANNEL",
        "SEND_MESSAGES",
        "EMBED_LINKS",
        "ATTACH_FILES",
        "READ_MESSAGE_HISTORY",
        "USE_APPLICATION_COMMANDS",
        "CREATE_PUBLIC_THREADS",
        "CREATE_PRIVATE_THREADS",
        "SEND_MESSAGES_IN_THREADS",
    )
)
ALL_PERMISSIONS: Final = (1 << 53) - 1
