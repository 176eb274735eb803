"""Bot API methods with files: photos, documents, audio, albums."""

from __future__ import annotations

from typing import Any, cast

from tests.doubles.telegram.api import Api, Method, find_chat, read_text
from tests.doubles.telegram.entities import Formatted, read_entities, tidy, utf16_length
from tests.doubles.telegram.messages import place_of, post, revise, to_edit
from tests.doubles.telegram.rules import bad_request
from tests.doubles.telegram.state import File

Json = dict[str, Any]
_KINDS = ("photo", "document", "audio")


async def send_photo(api: Api) -> Json:
    """sendPhoto."""
    return _send_file(api, "photo", api.rules.photo_bytes)


async def send_document(api: Api) -> Json:
    """sendDocument."""
    return _send_file(api, "document", api.rules.upload_bytes)


async def send_audio(api: Api) -> Json:
    """sendAudio."""
    return _send_file(api, "audio", api.rules.upload_bytes)


def _send_file(api: Api, kind: str, limit: int) -> Json:
    chat = find_chat(api, writing=True)
    caption = read_text(api, "caption", "caption_entities", api.rules.caption_length, "message caption is too long")
    reference = api.params.text(kind)
    upload = api.params.files.get((reference or "").removeprefix("attach://") or kind)
    if upload is not None:
        if not upload.content:
            raise bad_request("file must be non-empty")
        if len(upload.content) > limit:
            raise bad_request("file is too big")
        file = api.world.add_file(kind, upload)
    elif reference and reference in api.world.files:
        file = api.world.files[reference]
        if file.kind != kind:
            raise bad_request(f"can't use file of type {file.kind.capitalize()} as {kind.capitalize()}")
    elif reference:
        raise bad_request("wrong file identifier/HTTP URL specified")
    else:
        raise bad_request(f"there is no {kind} in the request")
    return post(api, chat, caption, file)


async def send_media_group(api: Api) -> list[Json]:
    """sendMediaGroup: 2 to 10 files, documents and audio only among themselves; no buttons."""
    chat = find_chat(api, writing=True)
    if api.params.values.get("reply_markup"):
        raise bad_request("media groups can't have reply markup")
    items = api.params.array("media", "media") or []
    if not 2 <= len(items) <= api.rules.album_items:
        raise bad_request(f"there must be 2-{api.rules.album_items} items in a media group")
    read = [_read_media(api, item) for item in items]
    kinds = {file.kind for file, _, _ in read}
    if len(kinds) > 1:
        raise bad_request("documents and audio can't be mixed with other media types")
    thread, reply_to = place_of(api, chat)
    album = f"album-{len(api.world.messages)}"
    sent: list[Json] = []
    for file, text, hidden in read:
        api.flood.count(chat)
        message = api.world.add_message(
            chat, api.world.bot, text, reply_to=reply_to, thread=thread, file=file, hidden=hidden, album=album
        )
        sent.append(message.to_json())
    return sent


async def edit_message_media(api: Api) -> Json:
    """editMessageMedia: also into a message of text; what stands in an album keeps its kind."""
    message = to_edit(api, find_chat(api, writing=True))
    file, text, hidden = _read_media(api, api.params.object("media", "InputMedia"))
    if message.album and message.file is not None and message.file.kind != file.kind:
        raise bad_request("message media can't be changed to another type in an album")
    return revise(api, message, text, (file, hidden))


def _read_media(api: Api, item: Any) -> tuple[File, Formatted, bool]:
    """One InputMedia: its file, its caption, and whether it is covered."""
    media = cast("Json", item) if isinstance(item, dict) else {}
    kind = media.get("type")
    if kind not in _KINDS:
        raise bad_request("can't parse InputMedia: media type is invalid")
    upload = api.params.files.get(str(media.get("media", "")).removeprefix("attach://"))
    if upload is None or not upload.content:
        raise bad_request("file must be non-empty")
    if len(upload.content) > (api.rules.photo_bytes if kind == "photo" else api.rules.upload_bytes):
        raise bad_request("file is too big")
    caption, items = str(media.get("caption") or ""), media.get("caption_entities")
    text = tidy(Formatted(caption, read_entities(caption, items) if items else ()))
    if utf16_length(text.text) > api.rules.caption_length:
        raise bad_request("message caption is too long")
    return api.world.add_file(kind, upload), text, media.get("has_spoiler") is True


METHODS: dict[str, Method] = {
    "sendPhoto": send_photo,
    "sendDocument": send_document,
    "sendAudio": send_audio,
    "sendMediaGroup": send_media_group,
    "editMessageMedia": edit_message_media,
}
