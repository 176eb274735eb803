"""Cards as other programs write them, in every kind of file."""

import base64
import io
import json
import zipfile
import zlib
from typing import Any

from workers.cards.chunks import SIGNATURE, chunk

ENTRY: dict[str, Any] = {
    "keys": ["gate", " north gate "], "content": "@@depth 4\nIt opens at dawn.", "extensions": {"probability": 100},
    "enabled": True, "insertion_order": 10, "use_regex": False, "id": "a7", "case_sensitive": None, "x_mine": [1],
}  # fmt: skip
V1: dict[str, Any] = {
    "name": "Mira", "description": "{{char}} keeps the gate.", "personality": "calm, exact", "scenario": "At dawn.",
    "first_mes": "You are early.", "mes_example": "<START>\n{{user}}: Hello\n{{char}}: Hm.",
}  # fmt: skip
V2_DATA: dict[str, Any] = V1 | {
    "creator_notes": "Be kind.", "system_prompt": "{{original}} Be brief.", "post_history_instructions": "Stay calm.",
    "alternate_greetings": ["Late.", "Again?"], "tags": ["calm", "gate"], "creator": "somebody",
    "character_version": "1.1", "extensions": {
        "depth_prompt": {"prompt": "It rains.", "depth": 2, "role": "system"}, "talkativeness": "0.5", "fav": True,
        "elsewhere": {"deep": [1, 2.5, None]},
    }, "character_book": {"name": "City", "extensions": {}, "scan_depth": 4, "entries": [
        {name: value for name, value in ENTRY.items() if name != "use_regex"}]},
}  # fmt: skip
V2: dict[str, Any] = {"spec": "chara_card_v2", "spec_version": "2.0", "data": V2_DATA}
V3_DATA: dict[str, Any] = V2_DATA | {
    "nickname": "Mi", "creator_notes_multilingual": {"de": "Sei nett."}, "source": ["https://example.org/card"],
    "group_only_greetings": ["All of you?"], "creation_date": 1700000000, "modification_date": 0,
    "assets": [{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png", "x": 1}],
    "character_book": {"name": "City", "extensions": {}, "recursive_scanning": False, "entries": [ENTRY]},
}  # fmt: skip
V3: dict[str, Any] = {"spec": "chara_card_v3", "spec_version": "3.0", "data": V3_DATA}
PYGMALION: dict[str, Any] = {
    "char_name": "Mira", "char_persona": "Keeps the gate.", "char_greeting": "Early.", "example_dialogue": "Hm.",
    "world_scenario": "Dawn.", "metadata": {"tool": "x"},
}  # fmt: skip


def packed(root: object) -> bytes:
    return base64.b64encode(json.dumps(root, ensure_ascii=False).encode())


def as_json(root: object) -> bytes:
    return json.dumps(root, ensure_ascii=False).encode()


def text(keyword: str, content: bytes, kind: bytes = b"tEXt") -> bytes:
    """A chunk with a text, packed where its kind packs texts."""
    head = keyword.encode() + b"\0"
    if kind == b"zTXt":
        return chunk(kind, head + b"\0" + zlib.compress(content))
    if kind == b"iTXt":
        return chunk(kind, head + b"\x01\0en\0\0" + zlib.compress(content))
    return chunk(kind, head + content)


def png(*chunks: bytes, after: bool = False, animated: bool = False) -> bytes:
    """A picture of one pixel with chunks before or after its pixels."""
    head = chunk(b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0")
    moving = chunk(b"acTL", b"\0\0\0\x01\0\0\0\0") if animated else b""
    pixels = chunk(b"IDAT", zlib.compress(b"\0\x10\x20\x30"))
    texts = b"".join(chunks)
    body = (pixels, texts) if after else (texts, pixels)
    return b"".join((SIGNATURE, head, moving, *body, chunk(b"IEND", b"")))


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
