"""A story under way, for tests of what people do in it."""

from db.models import (
    PageRow,
    StoryRow,
)
from tests.bot.world import Bot, command, write

PREMISE = "a keeper finds a door under the sea"


async def begun(bot: Bot, mode: str = "solo", *, name: str = "ann", group: str = "") -> tuple[StoryRow, PageRow]:
    await bot.does(command(f"story new: {PREMISE}", mode=mode), name=name, group=group)
    story = await StoryRow.all().order_by("-id").first()
    assert story is not None
    page = await PageRow.get(id=story.cursor_id)
    await write(page)
    return story, page


async def words(bot: Bot, event: object) -> str:
    return (await bot.answer(event)).body  # type: ignore[arg-type]
