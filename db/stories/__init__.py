"""Stories: a permanent tree of pages, and a cursor that moves in it.

``library`` has stories as a whole, ``cursor`` the moves, ``pages`` the states of a page, ``tree`` the queries.
"""

from db.stories.cursor import OWN_ACTION_LENGTH, at_cursor, back, check_owner, choose, choose_own, retry
from db.stories.library import (
    SEED_LIMIT,
    count_owned,
    create,
    delete,
    get,
    list_owned,
    list_summaries,
    open_in,
    summary,
    thread_of,
)
from db.stories.pages import attach_page, drop_unread, give_up, set_job
from db.stories.records import Choice, Move, Page, Story, Summary
from db.stories.tree import current, lock, page, page_inputs

__all__ = [
    "OWN_ACTION_LENGTH",
    "SEED_LIMIT",
    "Choice",
    "Move",
    "Page",
    "Story",
    "Summary",
    "at_cursor",
    "attach_page",
    "back",
    "check_owner",
    "choose",
    "choose_own",
    "count_owned",
    "create",
    "current",
    "delete",
    "drop_unread",
    "get",
    "give_up",
    "list_owned",
    "list_summaries",
    "lock",
    "open_in",
    "page",
    "page_inputs",
    "retry",
    "set_job",
    "summary",
    "thread_of",
]
