"""A small world for tests of the record: somebody, somewhere."""

from db.connection import rows
from db.memory.memories import Rating, noting_page
from db.people import Who, resolve


async def somebody(name: str = "ann", *, platform: str = "console", chat: str = "", kind: str = "dm") -> Who:
    """Return a person in a DM of theirs, or in the group chat ``chat``."""
    account = ("dm", name, name) if kind == "dm" else ("group", chat, chat)
    return await resolve(
        platform, account=account, user=(name, name, "en"), conversation=(chat or f"dm-{name}", "", kind)
    )


async def note_page(page_id: int, allowance: Rating) -> None:
    """Tell a story's memory of a page, as publishing it does."""
    await rows(noting_page("(SELECT story_id FROM pages WHERE id = $1)", "$2::text"), page_id, allowance)
