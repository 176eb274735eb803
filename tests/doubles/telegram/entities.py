"""Message text: UTF-16 arithmetic, explicit entities, HTML, and what Telegram finds in people's text.

MarkdownV2 is in ``markdown.py``. Offsets and lengths of entities are UTF-16 units, as in the Bot API; refusals name
byte offsets into the UTF-8 text, as Telegram does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.entities import html5
from typing import Any, cast

from tests.doubles.telegram.rules import ENTITY_KINDS, bad_request

Json = dict[str, Any]
_EXTRAS = ("url", "language", "custom_emoji_id")
_HTML_TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler", "span": "spoiler",
    "a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote", "tg-emoji": "custom_emoji",
}  # fmt: skip
_TAG = re.compile(r"<(/?)([a-zA-Z0-9-]*)((?:\"[^\"]*\"|'[^']*'|[^>\"'])*)>")
_ATTRIBUTE = re.compile(r"\s*([a-zA-Z-]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_REFERENCE = re.compile(r"&(#x[0-9a-fA-F]{1,6}|#[0-9]{1,7}|lt|gt|amp|quot);?")
_FOUND = (
    ("bot_command", re.compile(r"(?<![\w/<>@])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/@])")),
    ("mention", re.compile(r"(?<![\w@/])@[A-Za-z0-9_]{4,32}\b")),
    ("url", re.compile(r"\bhttps?://[^\s<>\"]+[^\s<>\".,;:!?)]")),
)


@dataclass(frozen=True, slots=True)
class Entity:
    """A MessageEntity: ``offset`` and ``length`` in UTF-16 units."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None
    custom_emoji_id: str | None = None
    user: int | None = None

    def to_json(self) -> Json:
        """The Bot API's form (``user`` of a text mention is added by the caller's store)."""
        data: Json = {"type": self.type, "offset": self.offset, "length": self.length}
        data.update({name: value for name in _EXTRAS if (value := getattr(self, name)) is not None})
        return data


@dataclass(frozen=True, slots=True)
class Formatted:
    """Text with its entities."""

    text: str
    entities: tuple[Entity, ...] = ()

    def of(self, entity: Entity) -> str:
        """The part of the text that an entity covers."""
        raw = self.text.encode("utf-16-le")
        return raw[entity.offset * 2 : (entity.offset + entity.length) * 2].decode("utf-16-le", "replace")


def utf16_length(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def parse_error(reason: str) -> Exception:
    """400: the markup cannot be read."""
    return bad_request(f"can't parse entities: {reason}")


class Builder:
    """Collects plain text and closes entities over it; both markup parsers write into one."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._entities: list[Entity] = []
        self.length = 0

    def write(self, text: str) -> None:
        """Appends plain text."""
        self._parts.append(text)
        self.length += utf16_length(text)

    def since(self, offset: int) -> str:
        """The plain text from a UTF-16 offset on."""
        return Formatted("".join(self._parts)).of(Entity("", offset, self.length - offset))

    def close(self, kind: str, offset: int, **extra: str | None) -> None:
        """Ends an entity that began at ``offset``; empty ones vanish."""
        if self.length > offset:
            self._entities.append(Entity(kind, offset, self.length - offset, **cast("Json", extra)))

    def drop_last(self, kind: str, offset: int) -> None:
        """Takes back an entity that covers everything from ``offset`` (a pre swallows its code)."""
        self._entities = [e for e in self._entities if not (e.type == kind and e.offset == offset)]

    def build(self) -> Formatted:
        """The text with entities in Telegram's order: by offset, the longer first."""
        ordered = sorted(self._entities, key=lambda entity: (entity.offset, -entity.length))
        return Formatted("".join(self._parts), tuple(ordered))


def parse_html(source: str) -> Formatted:
    """Telegram's HTML: its few tags, strictly nested; raises ApiError 400 on anything else."""
    builder = Builder()
    stack: list[tuple[str, str, int, dict[str, str], int]] = []
    position = 0

    def at(index: int) -> int:
        return len(source[:index].encode())

    while position < len(source):
        character = source[position]
        if character == "&":
            reference = _REFERENCE.match(source, position)
            if reference is None:
                builder.write("&")
                position += 1
            else:
                builder.write(_resolve(reference[1]))
                position = reference.end()
            continue
        if character != "<":
            end = min(
                (i for i in (source.find("<", position), source.find("&", position)) if i >= 0), default=len(source)
            )
            builder.write(source[position:end])
            position = end
            continue
        tag = _TAG.match(source, position)
        if tag is None:
            raise parse_error(f"Unclosed start tag at byte offset {at(position)}")
        name = tag[2].lower()
        if not tag[1]:
            attributes = _attributes(tag[3])
            if name not in _HTML_TAGS or (name == "span" and attributes.get("class") != "tg-spoiler"):
                raise parse_error(f'Unsupported start tag "{name}" at byte offset {at(position)}')
            stack.append((name, _HTML_TAGS[name], builder.length, attributes, at(position)))
        else:
            if not stack:
                raise parse_error(f"Unexpected end tag at byte offset {at(position)}")
            opened, kind, offset, attributes, _ = stack.pop()
            if name not in ("", opened) or tag[3].strip():
                raise parse_error(
                    f'Unmatched end tag at byte offset {at(position)}, expected "</{opened}>", found "</{name}>"'
                )
            _close_html(builder, kind, offset, attributes, stack[-1][0] if stack else None)
        position = tag.end()
    if stack:
        raise parse_error(f'Can\'t find end tag corresponding to start tag "{stack[-1][0]}"')
    return builder.build()


def _resolve(reference: str) -> str:
    if not reference.startswith("#"):
        return html5[f"{reference};"]
    code = int(f"0{reference[1:]}", 0) if reference[1] in "xX" else int(reference[1:])
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else f"&{reference};"


def _attributes(source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(source):
        value = match[2] or match[3] or match[4] or ""
        found[match[1].lower()] = _REFERENCE.sub(lambda reference: _resolve(reference[1]), value)
    return found


def _close_html(builder: Builder, kind: str, offset: int, attributes: dict[str, str], parent: str | None) -> None:
    if kind == "text_link":
        url = attributes.get("href") or builder.since(offset)
        if re.match(r"(https?|tg|mailto|tel|ftp)[:/]", url) or re.fullmatch(r"[\w-]+(\.[\w-]+)+(/\S*)?", url):
            builder.close(kind, offset, url=url)
    elif kind == "custom_emoji":
        if "emoji-id" not in attributes:
            raise parse_error("Custom emoji identifier is not specified")
        builder.close(kind, offset, custom_emoji_id=attributes["emoji-id"])
    elif kind == "blockquote" and "expandable" in attributes:
        builder.close("expandable_blockquote", offset)
    elif kind == "code" and parent == "pre" and attributes.get("class", "").startswith("language-"):
        builder.close("code", offset, language=attributes["class"].removeprefix("language-"))
    elif kind == "pre":
        language = next((e.language for e in builder.build().entities if e.type == "code" and e.offset == offset), None)
        builder.drop_last("code", offset)
        builder.close("pre", offset, language=language)
    else:
        builder.close(kind, offset)


def read_entities(text: str, items: list[Any]) -> tuple[Entity, ...]:
    """Explicit entities, checked: known kind, inside the text, on UTF-16 symbol boundaries; raises ApiError 400."""
    size = utf16_length(text)
    inside: set[int] = set()
    offset = 0
    for character in text:
        if character > "\uffff":
            inside.add(offset + 1)
            offset += 1
        offset += 1
    entities: list[Entity] = []
    for item in items:
        entity = _read_entity(item)
        end = entity.offset + entity.length
        if end > size:
            raise bad_request(
                f"entity beginning at UTF-16 offset {entity.offset} ends after the end of the text"
                f" at UTF-16 offset {end}"
            )
        if entity.offset in inside:
            raise bad_request(f"entity begins in a middle of a UTF-16 symbol at UTF-16 offset {entity.offset}")
        if end in inside:
            raise bad_request(
                f"entity beginning at UTF-16 offset {entity.offset} ends in a middle of a UTF-16 symbol"
                f" at UTF-16 offset {end}"
            )
        entities.append(entity)
    return tuple(sorted(entities, key=lambda entity: (entity.offset, -entity.length)))


def _read_entity(item: Any) -> Entity:
    if not isinstance(item, dict):
        raise parse_error("expected an Object")
    data = cast("Json", item)
    kind, offset, length = data.get("type"), data.get("offset"), data.get("length")
    if kind not in ENTITY_KINDS:
        raise parse_error("unsupported type specified")
    if not isinstance(offset, int) or offset < 0:
        raise bad_request(f"receive an entity with incorrect offset {offset}")
    if not isinstance(length, int) or length <= 0:
        raise bad_request(f"receive an entity with incorrect length {length}")
    if kind == "text_link" and not data.get("url"):
        raise parse_error('field "url" must be of type String')
    user = cast("Json", data.get("user") or {}).get("id")
    return Entity(str(kind), offset, length, user=user, **{name: data.get(name) for name in _EXTRAS})


def find_entities(text: str) -> tuple[Entity, ...]:
    """Commands, mentions and links as Telegram marks them in what people write."""
    found = [
        Entity(kind, utf16_length(text[: match.start()]), utf16_length(match[0]))
        for kind, pattern in _FOUND
        for match in pattern.finditer(text)
    ]
    links = [entity for entity in found if entity.type == "url"]
    apart = [e for e in found if not any(link.offset < e.offset < link.offset + link.length for link in links)]
    return tuple(sorted(apart, key=lambda entity: entity.offset))


def tidy(formatted: Formatted) -> Formatted:
    """Telegram's clean-up: no carriage returns, control characters become spaces, white space at both ends goes."""
    text = re.sub(r"[\x00-\x09\x0b-\x1f]", " ", formatted.text.replace("\r\n", "\n")) if formatted.text else ""
    head = utf16_length(text) - utf16_length(text.lstrip())
    text = text.strip()
    size = utf16_length(text)
    kept: list[Entity] = []
    for entity in formatted.entities:
        start = max(entity.offset - head, 0)
        end = min(entity.offset + entity.length - head, size)
        if end > start:
            kept.append(
                Entity(
                    entity.type, start, end - start, entity.url, entity.language, entity.custom_emoji_id, entity.user
                )
            )
    return Formatted(text, tuple(kept))
