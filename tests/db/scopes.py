"""Every public function of `db`: called as ben with the ids of somebody else, or with the reason why it cannot be.

What comes from an event's `resolve` is ben's own: account, person, conversation. All other ids are somebody else's.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from db import (
    accounts,
    audit,
    awaited_files,
    context_sessions,
    conversations,
    data_choices,
    data_exports,
    drafts,
    erasure,
    jobs,
    limits,
    linking,
    members,
    moderation,
    offers,
    outbox,
    people,
    permissions,
    places,
    reports,
    sent_messages,
    spent_limits,
    stories,
)
from db.connection import row
from db.limits import Subject
from db.payloads.notice import Notice
from db.people import Who
from db.usage_limits import UsageLimits
from tests.db.archive_scopes import ARCHIVE_CALLS
from tests.db.chat_scopes import CHAT_CALLS
from tests.db.memory_scopes import MEMORY_CALLS, MEMORY_WORK
from tests.db.persona_scopes import PERSONA_CALLS
from tests.db.picture_scopes import PICTURE_CALLS
from tests.db.prompt_scopes import PROMPT_CALLS


@dataclass(frozen=True, slots=True)
class Cast:
    """Ben, who calls, and the ids of somebody else's rows, by table."""

    ben: Who
    other: Who
    ids: Mapping[str, int]

    @property
    def account(self) -> int:
        return self.ben.account.id

    @property
    def user(self) -> int:
        return self.ben.user.id

    @property
    def chat(self) -> int:
        return self.ben.conversation.id

    def __getitem__(self, table: str) -> int:
        return self.ids[table]


async def exported(export: AsyncGenerator[Any]) -> list[Any]:
    async with aclosing(export) as batches:
        return [batch async for batch in batches]


async def at_revision(c: Cast, move: Callable[..., Awaitable[Any]], *rest: Any) -> Any:
    """Press a button of somebody else's current page, as it stands."""
    found = await row("SELECT cursor_id AS page, revision FROM stories WHERE id = $1", c["stories"])
    assert found is not None
    return await move(c.account, c.user, found["page"], found["revision"], *rest, for_others=True)


SUBJECT: Final = "zephyr"
CALLS: Final[Mapping[str, Callable[[Cast], Awaitable[Any]]]] = {
    "accounts.chosen_model": lambda c: accounts.chosen_model(c.account),
    "accounts.choose_model": lambda c: accounts.choose_model(c.account, "m"),
    "accounts.chosen_image_engine": lambda c: accounts.chosen_image_engine(c.account),
    "accounts.choose_image_engine": lambda c: accounts.choose_image_engine(c.account, "m"),
    "accounts.chosen_language": lambda c: accounts.chosen_language(c.account),
    "accounts.choose_language": lambda c: accounts.choose_language(c.account, "de"),
    "accounts.set_announcements": lambda c: accounts.set_announcements(c.account, on=True),
    "accounts.set_announcement_channel": lambda c: accounts.set_announcement_channel(c.account, c.chat),
    "accounts.set_rating": lambda c: accounts.set_rating(c.account, "sfw"),
    "accounts.set_vouched": lambda c: accounts.set_vouched(c.account, "console"),
    "accounts.drop_vouched": lambda c: accounts.drop_vouched(c.account, "console"),
    "accounts.settings_of": lambda c: accounts.settings_of(c.account),
    "audit.note": lambda c: audit.note("model", account_id=c.account, user_id=c.user),
    "audit.entries": lambda c: audit.entries(account_id=c.account),
    "awaited_files.add": lambda c: awaited_files.add(
        "console:new", {}, platform="console", account_id=c.account, conversation_id=c.chat
    ),
    "awaited_files.holds_text_of": lambda c: awaited_files.holds_text_of(c.chat, SUBJECT),
    "spent_limits.keep": lambda c: spent_limits.keep(c.user),
    "spent_limits.restore": lambda c: spent_limits.restore(c.user),
    "spent_limits.strikes": lambda c: spent_limits.strikes(c.user, 24),
    "conversations.open_thread": lambda c: conversations.open_thread(c.chat, "t", c["pages"]),
    "conversations.set_mode": lambda c: conversations.set_mode(c.chat, "chat"),
    "conversations.note_said": lambda c: conversations.note_said(c.chat, "m1"),
    "conversations.note_welcomed": lambda c: conversations.note_welcomed(c.chat),
    "data_choices.of_person": lambda c: data_choices.of_person(c.user),
    "data_choices.may_learn": lambda c: data_choices.may_learn(c.user),
    "data_choices.may_archive": lambda c: data_choices.may_archive(c.user),
    "data_choices.set_learning": lambda c: data_choices.set_learning(c.user, allowed=False),
    "data_choices.set_archive": lambda c: data_choices.set_archive(c.user, allowed=False),
    "data_choices.forget_archived": lambda c: data_choices.forget_archived(c.user),
    "data_choices.set_keep_days": lambda c: data_choices.set_keep_days(c.user, 30),
    "data_exports.export_account": lambda c: exported(data_exports.export_account(c.account, [])),
    "data_exports.export_place": lambda c: exported(data_exports.export_place(c.account, [])),
    "data_exports.export_person": lambda c: exported(data_exports.export_person(c.user, [])),
    "data_exports.begin": lambda c: data_exports.begin(c.user, c.account),
    "drafts.keep": lambda c: drafts.keep(c.chat, c.user, {}),
    "drafts.drop": lambda c: drafts.drop(c.chat, c.user),
    "erasure.accounts.erase_account": lambda c: erasure.erase_account(c.account, []),
    "erasure.accounts.people_of": lambda c: erasure.people_of(c.account, []),
    "erasure.closing.close_person": lambda c: erasure.close_person(c.user),
    "erasure.closing.close_place": lambda c: erasure.close_place(c.account),
    "erasure.places.erase_person": lambda c: erasure.erase_person(c.user, []),
    "erasure.survey.survey_person": lambda c: erasure.survey_person(c.user),
    "erasure.survey.survey_place": lambda c: erasure.survey_place(c.account),
    "jobs.forecast.outlook_now": lambda c: jobs.outlook_now(c.account, c.user, "cpu"),
    "limits.admit": lambda c: limits.admit(UsageLimits(pages=9), Subject(c.account, c.user, place=True), "pages"),
    "limits.check_kept": lambda c: limits.check_kept(
        UsageLimits(kept_pictures=9), Subject(c.account, c.user, place=True), "pictures"
    ),
    "limits.lookup": lambda c: limits.lookup(UsageLimits(pages=9), c.user),
    "linking.offer": lambda c: linking.offer(c.user, c.chat),
    "linking.enter": lambda c: linking.enter("0000000000", c.ben),
    "linking.confirm": lambda c: linking.confirm(c["linkings"], c.user),
    "linking.cancel": lambda c: linking.cancel(c["linkings"], c.user),
    "linking.split": lambda c: linking.split(c.user, c["identities"]),
    "reports.add": lambda c: reports.add(
        "page", c["pages"], account_id=c.account, conversation_id=c.chat, reporter_id=c.user, reason=""
    ),
    "reports.here": lambda c: reports.here(c.chat),
    **ARCHIVE_CALLS,
    **MEMORY_CALLS,
    **PERSONA_CALLS,
    **PICTURE_CALLS,
    **CHAT_CALLS,
    "members.seen": lambda c: members.seen(c.account, c.user, "member", []),
    "members.find": lambda c: members.find(c.account, "console", SUBJECT),
    "moderation.end_cooldown": lambda c: moderation.end_cooldown(c.user),
    "moderation.offer_help": lambda c: moderation.offer_help(c.chat),
    "offers.offered": lambda c: offers.offered(c.account, c.other.conversation.chat_id, "m1"),
    "outbox.place_of": lambda c: outbox.place_of(c.chat, c.user),
    "outbox.add": lambda c: outbox.add(
        "console:new",
        "reply",
        platform="console",
        conversation_id=c.chat,
        payload=Notice(key="x"),
        destination={},
        edits_row=c["outbox"],
    ),
    "outbox.row_of_message": lambda c: outbox.row_of_message(c.account, c.other.conversation.chat_id, "m1"),
    "context_sessions.of_story": lambda c: context_sessions.of_story(c.account, c["stories"]),
    "context_sessions.of_chat": lambda c: context_sessions.of_chat(c.account, c["conversations"], c["personas"], 0),
    "context_sessions.opened": lambda c: context_sessions.opened(c.account, c["context_sessions"], c.user),
    "context_sessions.listed": lambda c: context_sessions.listed(c.account, c.user),
    "context_sessions.copy": lambda c: context_sessions.copy(c.account, c["context_sessions"], c.user, "mine"),
    "context_sessions.begin_project": lambda c: context_sessions.begin_project(c.account, c.user, "mine"),
    "context_sessions.change": lambda c: context_sessions.change(
        c.account, c["context_sessions"], c.user, elements=[], pins=["page:1"]
    ),
    "context_sessions.keep_build": lambda c: context_sessions.keep_build(
        c.account, c["context_sessions"], {"window": 1}
    ),
    "context_sessions.remove": lambda c: context_sessions.remove(c.account, c["context_sessions"], c.user),
    **PROMPT_CALLS,
    "people.user": lambda c: people.user(c.user),
    "people.identities_of": lambda c: people.identities_of(c.user),
    "people.personal_account": lambda c: people.personal_account(c.user),
    "people.private_chats": lambda c: people.private_chats(c.user),
    "people.set_time_zone": lambda c: people.set_time_zone(c.user, "UTC"),
    "people.set_story_language": lambda c: people.set_story_language(c.user, "de"),
    "people.drop_identities": lambda c: people.drop_identities(c.user),
    "permissions.set_rule": lambda c: permissions.set_rule(c.account, "play", "", "member"),
    "permissions.reset_rules": lambda c: permissions.reset_rules(c.account),
    "permissions.map_role": lambda c: permissions.map_role(c.account, "r", "admin"),
    "permissions.reset_roles": lambda c: permissions.reset_roles(c.account),
    "places.leave": lambda c: places.leave(c.chat, c.user, private=True),
    "places.back": lambda c: places.back(c.chat, c.user),
    "sent_messages.showing": lambda c: sent_messages.showing(c.account, "page", "page", c["pages"], without=0),
    "sent_messages.shown_in": lambda c: sent_messages.shown_in(c.chat, "page", "page", c["pages"]),
    "sent_messages.last_sent": lambda c: sent_messages.last_sent(c.chat, ["page"]),
    "sent_messages.forget_text": lambda c: sent_messages.forget_text(c.chat, c["outbox"]),
    "sent_messages.rows_showing": lambda c: sent_messages.rows_showing(c.chat, ["chat_reply"], [c["chat_messages"]]),
    "stories.cursor.choose": lambda c: at_revision(c, stories.choose, 1),
    "stories.cursor.choose_own": lambda c: at_revision(c, stories.choose_own, "mine"),
    "stories.cursor.retry": lambda c: at_revision(c, stories.retry),
    "stories.cursor.back": lambda c: at_revision(c, stories.back),
    "stories.cursor.at_cursor": lambda c: stories.at_cursor(c.account, c.user, c["stories"], for_others=True),
    "stories.library.create": lambda c: stories.create(
        account_id=c.account, owner_id=c.user, conversation_id=c.chat, premise="x", seed=1
    ),
    "stories.library.get": lambda c: stories.get(c.account, c["stories"]),
    "stories.library.summary": lambda c: stories.summary(c.account, c["stories"]),
    "stories.library.list_owned": lambda c: stories.list_owned(c.account, c.user),
    "stories.library.list_summaries": lambda c: stories.list_summaries(c.account, c.user),
    "stories.library.count_owned": lambda c: stories.count_owned(c.account, c.user),
    "stories.library.open_in": lambda c: stories.open_in(c.chat, c["stories"]),
    "stories.library.delete": lambda c: stories.delete(c.account, c.user, c["stories"]),
    "stories.tree.page": lambda c: stories.page(c.account, c["pages"]),
    "stories.tree.current": lambda c: stories.current(c.account, c["stories"]),
}
"""By module (below `db`) and name."""

SERVICE: Final = "it concerns the service as a whole, or the connection: no row of an account"
WORK: Final = "for what the product itself does: the ids are those of a job, or of rows that it names"
LEASE: Final = "only who holds the lease of the row may call it"
OPERATOR: Final = "operators act on everybody"
EVENT: Final = "it finds what an event of a platform belongs to: by the platform's own ids"
JOINING: Final = "it makes one of what belongs to two"
EXEMPT: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "backup.*",
            "bots.*",
            "clock.*",
            "connection.*",
            "engine.*",
            "heartbeats.*",
            "inbox.*",
            "inspection.*",
            "leaders.*",
            "linking_codes.*",
            "loops.*",
            "memory.vectors.available",
            "memory.vectors.prepare",
            "migrate.*",
            "ownership.*",
            "privacy.*",
            "records.*",
            "conversations.watched",
            "jobs.forecast.Durations.*",
            "jobs.forecast.next_in_line",
            "jobs.load.*",
            "jobs.recovery.*",
            "jobs.turns.*",
            "memory.memories.overdue",
            "memory.memories.start_due",
            "feeds.start_due",
            "outbox.counts",
            "personas.library.sync_shipped",
            "personas.importing.whole",
            "people.without_private_chat",
        ),
        SERVICE,
    ),
    **dict.fromkeys(
        (
            "chats.answer_too",
            "chats.attach_reply",
            "feeds.fail",
            "feeds.give_up",
            "feeds.keep",
            "feeds.to_read",
            "feeds.unchanged",
            "feeds.unknown",
            "sent_pictures.note",
            "chats.follow",
            "chats.give_up",
            "chats.count_told",
            "chats.history",
            "chats.other_variants",
            "chats.last_reply",
            "chats.pending",
            "chats.say",
            "chats.start_reply",
            "company.names",
            "saved_chats.of_epoch",
            "saved_chats.said",
            "chat_turns.begun",
            "chat_turns.drop_edit",
            "chat_turns.unjudged",
            "jobs.artifacts.*",
            "jobs.deadlines.*",
            "jobs.endings.*",
            "jobs.forecast.outlook",
            "jobs.joins.*",
            "jobs.leases.*",
            "jobs.waits.*",
            "jobs.claims.*",
            *MEMORY_WORK,
            "linking.get",
            "memory.chunks.add",
            "memory.vectors.missing",
            "memory.vectors.put",
            "memory.vectors.drop_others",
            "linking.new_code",
            "moderation.note",
            "moderation.refuse_of_page",
            "moderation.refuse_of_reply",
            "overrides.judge",
            "personas.judging.*",
            "places.name_of",
            "overrides.unchecked",
            "prompt_tests.note_text",
            "pictures.put_clean",
            "pictures.put_file",
            "progress.*",
            "stories.library.thread_of",
            "stories.pages.*",
            "stories.tree.lock",
            "stories.tree.lock_story",
            "stories.tree.page_before",
            "stories.tree.page_inputs",
            "usage.*",
            "data_choices.expire",
            "lorebooks.settings",
            "lorebooks.entries",
            "lorebooks.expire",
            "lorebooks.note_called",
            "memory.documents.expire",
            "uploads.put_found",
            "uploads.drop",
            "data_exports.drop_part",
            "data_exports.exported_columns",
            "data_exports.part",
            "data_exports.part_size",
            "data_exports.restart",
            "data_exports.put_part",
            "work.*",
            "erasure.answers.*",
            "erasure.closing.answered",
            "erasure.closing.detach",
            "erasure.closing.overdue",
            "erasure.places.erase_in_places",
            "outbox.of_event",
            "outbox.placeholder_of",
        ),
        WORK,
    ),
    **dict.fromkeys(
        (
            "awaited_files.claim",
            "awaited_files.finish",
            "awaited_files.note_stored",
            "awaited_files.renew",
            "awaited_files.retry",
            "outbox.bury",
            "outbox.claim",
            "outbox.record_message",
            "outbox.renew",
            "outbox.retry",
            "outbox.sent",
            "outbox.supersede",
            "pictures.save",
        ),
        LEASE,
    ),
    **dict.fromkeys(
        (
            "access.*",
            "announcements.*",
            "moderation.tell_operators",
            "people.named",
            "people.with_username",
            "reports.close",
            "reports.content",
            "reports.get",
            "reports.listed",
            "reports.picture",
            "reports.remove_text",
            "switches.*",
        ),
        OPERATOR,
    ),
    **dict.fromkeys(
        (
            "late_updates.*",
            "people.identity",
            "people.private_chat",
            "people.resolve",
            "places.leave_place",
            "places.record",
        ),
        EVENT,
    ),
    **dict.fromkeys(("merging.*", "moves.*"), JOINING),
}
"""The same, ``module.*`` for all of a module, with the reason."""
