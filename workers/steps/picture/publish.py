"""The step that announces a picture."""

from typing import Any, ClassVar

from db import outbox, stories
from db.payloads.picture import PictureReady
from db.work import IllustratePage
from workers.steps.base import Commit, Run
from workers.steps.picture.draw import DrawPicture


class PublishPicture(Commit):
    """Announce the picture."""

    name: ClassVar[str] = "publish_picture"
    kind: ClassVar[str] = "image_ready"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the picture's id."""
        picture = run.outputs[DrawPicture.name]["picture"]
        given = run.job.typed()
        if not isinstance(given, IllustratePage) or not given.automatic:
            await run.reply(PictureReady(picture=picture))
        else:
            # The page was the answer; the picture follows in the story's conversation, without an interaction.
            where = dict(run.job.destination or {}) | {"handle": {}, "pressed_message": "", "reply_to": ""}
            where["chat_id"] = await stories.thread_of(given.illustrates) or where.get("chat_id", "")
            await run.reply(PictureReady(picture=picture), part=outbox.PICTURE, destination=where)
        return {"picture": picture}
