"""What Discord accepts as the body of a message that is created or edited."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.discord import components, rules
from tests.doubles.discord.errors import ApiError, Form
from tests.doubles.discord.rules import Json

MENTION = re.compile(r"<@!?(\d{1,20})>")


@dataclass(slots=True, frozen=True)
class Upload:
    """A file that came with a request."""

    filename: str
    data: bytes
    content_type: str = "application/octet-stream"


@dataclass(slots=True)
class Body:
    """A checked message body; a field that is ``None`` was not given."""

    content: str | None = None
    embeds: list[Json] | None = None
    components: list[Json] | None = None
    attachments: list[Json] | None = None
    flags: int | None = None
    nonce: str | int | None = None
    enforce_nonce: bool = False
    reference: int | None = None
    allowed_mentions: Json | None = None
    uploads: dict[int, Upload] = field(default_factory=dict[int, Upload])

    @property
    def pings_replied(self) -> bool:
        """Whether a reply pings the author of what it replies to."""
        return self.allowed_mentions is None or bool(self.allowed_mentions.get("replied_user"))

    def pings(self, content: str) -> tuple[set[int], bool]:
        """The users whom ``content`` pings under these allowed mentions, and whether it pings everyone."""
        mentioned = {int(found) for found in MENTION.findall(content)}
        everyone = "@everyone" in content or "@here" in content
        if self.allowed_mentions is None:
            return mentioned, everyone
        parse = self.allowed_mentions.get("parse") or []
        if "users" not in parse:
            mentioned &= {int(user) for user in self.allowed_mentions.get("users") or []}
        return mentioned, everyone and "everyone" in parse


def check(
    raw: Any,
    uploads: dict[int, Upload],
    *,
    existing_flags: int = 0,
    ephemeral_allowed: bool = False,
    prefix: tuple[str, ...] = (),
    file_bytes: int = rules.FILE,
) -> Body:
    """Check a message body.

    Args:
        raw: the decoded JSON.
        uploads: files of the request by their index.
        existing_flags: flags of the message that is edited; 0 for a new one.
        ephemeral_allowed: the EPHEMERAL flag may be set (interaction responses and follow-ups).
        prefix: where the body stands in the request ("data" in an interaction response).
        file_bytes: the largest file that is taken.

    Raises:
        ApiError: 50109 or 50035 with the tree of what is wrong, 40005 for files that are too large.
    """
    if not isinstance(raw, dict):
        raise ApiError(50109)
    data: Json = raw
    form = Form()
    inner = Form()
    flags = data.get("flags")
    if flags is not None and not isinstance(flags, int):
        inner.error(("flags",), "NUMBER_TYPE_COERCE", "Value is not int.")
        flags = None
    effective = existing_flags | (flags or 0)
    v2 = bool(effective & rules.IS_COMPONENTS_V2)
    body = Body(uploads=uploads)
    if flags is not None:
        body.flags = flags & (rules.SETTABLE_FLAGS | (rules.EPHEMERAL if ephemeral_allowed else 0))
    if "content" in data:
        body.content = inner.text(("content",), data["content"], rules.CONTENT).strip()
    if "embeds" in data:
        body.embeds = inner.items(("embeds",), data["embeds"], rules.EMBEDS)
        _check_embeds(inner, body.embeds)
    if "components" in data:
        body.components = inner.items(("components",), data["components"], rules.COMPONENTS_V2)
        components.check_message(inner, data["components"], v2=v2)
    if v2 and (body.content or body.embeds or data.get("poll") or data.get("sticker_ids")):
        inner.error(
            ("flags",),
            "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
            "The 'content', 'embeds', 'stickers' and 'poll' fields cannot be used with MessageFlags.IS_COMPONENTS_V2",
        )
    _check_nonce(inner, data, body)
    _check_mentions(inner, data, body)
    reference = data.get("message_reference")
    if isinstance(reference, dict):
        body.reference = int(reference.get("message_id") or 0) or None
    if "attachments" in data:
        body.attachments = inner.items(("attachments",), data["attachments"], rules.ATTACHMENTS)
        for index, entry in enumerate(body.attachments):
            inner.text(("attachments", index, "description"), entry.get("description"), rules.ALT_TEXT)
    if len(uploads) > rules.ATTACHMENTS:
        inner.error(("attachments",), "BASE_TYPE_MAX_LENGTH", f"Must be {rules.ATTACHMENTS} or fewer in length.")
    if any(len(upload.data) > file_bytes for upload in uploads.values()):
        raise ApiError(40005)
    if inner.errors:
        node = form.errors
        for key in prefix[:-1]:
            node = node.setdefault(key, {})
        if prefix:
            node[prefix[-1]] = inner.errors
        else:
            form.errors = inner.errors
    form.finish()
    return body


def _check_nonce(form: Form, data: Json, body: Body) -> None:
    nonce = data.get("nonce")
    if nonce is None:
        return
    if isinstance(nonce, bool) or not isinstance(nonce, str | int):
        form.error(("nonce",), "NONCE_TYPE_INVALID", "This field must be a string or integer.")
        return
    if isinstance(nonce, str) and len(nonce) > rules.NONCE:
        form.error(("nonce",), "NONCE_TYPE_TOO_LONG", f"Must be {rules.NONCE} or fewer in length.")
    body.nonce = nonce
    body.enforce_nonce = bool(data.get("enforce_nonce"))


def _check_mentions(form: Form, data: Json, body: Body) -> None:
    allowed = data.get("allowed_mentions")
    if allowed is None:
        return
    path = ("allowed_mentions",)
    if not isinstance(allowed, dict):
        form.error(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return
    mentions: Json = allowed
    parse = mentions.get("parse") or []
    for index, kind in enumerate(parse):
        if kind not in ("roles", "users", "everyone"):
            form.error((*path, "parse", index), "BASE_TYPE_CHOICES", "Value must be one of roles, users, everyone.")
        elif mentions.get(kind):
            form.error(
                path,
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.',
            )
    for kind in ("users", "roles"):
        form.items((*path, kind), mentions.get(kind), 100)
    body.allowed_mentions = mentions


def _check_embeds(form: Form, embeds: list[Any]) -> None:
    total = 0
    for index, embed in enumerate(embeds):
        path = ("embeds", index)
        if not isinstance(embed, dict):
            form.error(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            continue
        found: Json = embed
        texts = [
            form.text((*path, "title"), found.get("title"), rules.EMBED_TITLE),
            form.text((*path, "description"), found.get("description"), rules.EMBED_DESCRIPTION),
            form.text((*path, "footer", "text"), (found.get("footer") or {}).get("text"), rules.EMBED_FOOTER),
            form.text((*path, "author", "name"), (found.get("author") or {}).get("name"), rules.EMBED_AUTHOR),
        ]
        fields = form.items((*path, "fields"), found.get("fields"), rules.EMBED_FIELDS)
        for number, entry in enumerate(fields):
            where = (*path, "fields", number)
            texts.append(form.text((*where, "name"), entry.get("name"), rules.EMBED_FIELD_NAME, required=True))
            texts.append(form.text((*where, "value"), entry.get("value"), rules.EMBED_FIELD_VALUE, required=True))
        color = found.get("color")
        if color is not None and color not in range(0xFFFFFF + 1):
            form.error((*path, "color"), "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
        total += sum(len(text) for text in texts)
    if total > rules.EMBED_TOTAL:
        form.error(("embeds",), "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {rules.EMBED_TOTAL}")
