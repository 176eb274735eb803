"""The gate of every column that holds words of people: who checks what is stored there, and when.

`db.privacy.TABLES` says which columns these are; a test compares. ``screen`` is `bot.moderation.screen`: the word list
at once, then a verdict before the text reaches a prompt or another person.
"""

from typing import Final

SCREENED: Final = {
    "stories.premise": "screen in /story new; judged by the job of the first page",
    "stories.picture_negative": "screen in /story pictures; `check_prompt` before a picture is drawn",
    "choices.text": "screen of an own action, judged by its page's job; a model's choices pass the gate of functions",
    "chat_messages.text": "screen of a message, judged by its reply's job; replies pass the gate of functions",
    "saved_chats.name": "screen in /chat new and rename; without a verdict others see a number in its place",
    "saved_chats.note": "screen in /chat note; by the gate of functions in every prompt, shown to its author",
    "prompt_overrides.source": "screen in /prompt set of the lines that are not the product's; judged by an own job",
    "task_prompts.source": "as prompt_overrides.source",
    "prompt_variants.source": "screen in /prompt test, then as prompt_overrides.source",
    "facts.subject": "of what was said by then, by the gate of functions; screen in /memory add and edit, an own job",
    "facts.text": "of what was said by then, by the gate of functions; screen in /memory add and edit, an own job",
    "facts.present": "names, which pass the gate of functions with the fact",
    "tracked_questions.subject": "screen in /memory track; judged by the job that answers it",
    "tracked_questions.question": "screen in /memory track; judged by the job that answers it",
    "pins.text": "screen in /memory pin; judged by an own job",
    "pins.value": "with the text",
    "pictures.prompt": "screen in /imagine and the form to change a picture; `check_prompt` before it is drawn",
    "pictures.negative": "with the prompt",
    "pictures.typed": "as the prompt that was written from it",
    "personas.name": "with the card",
    "personas.card": "screen of what a person writes, an own job; judged by the job that reads a file; by the gate "
    "of functions in every prompt",
    "persona_revisions.card": "a persona's card as it was, with the verdict on it",
    "lorebooks.name": "judged with its entries by the job that reads it, before it is kept",
    "lorebook_entries.name": "with the book",
    "lorebook_entries.content": "with the book, and by the gate of the function whose prompt it comes into",
    "lorebook_entries.keys": "with the book",
    "lorebook_entries.secondary_keys": "with the book",
    "archive_documents.title": "screen of an upload, judged with its text before a prompt reads it; of a feed, too",
    "feeds.url": "screen in /feed add; shown to who added it",
    "feeds.title": "judged by the job that reads the feed; the name of its host where that refuses it",
    "accounts.name": "`prompts.safety.names.presentable` when an event comes in",
    "users.name": "`prompts.safety.names.presentable` when an event comes in",
    "identities.name": "`prompts.safety.names.presentable` when an event comes in",
}
"""The gate of a column, as ``table.column``."""
EXEMPT: Final = {
    "memories.forgotten": "words to be left out, compared with and never shown",
    "context_sessions.name": "of somebody's own copy, shown to nobody else",
    "context_sessions.elements": "of somebody's own copy, counted by a model and told to none, shown to nobody else",
    "forget_requests.word": "a word to be left out, told to nobody but who typed it",
    "archive_chunks.text": "parts of a document, which has the verdict; whoever adds one has it screened and judged",
    "archive_chunks.metadata": "the name of who spoke, gated where names come in, a feed's title, and numbers",
    "drafts.content": "the person's own unfinished form, shown to nobody else; screened when it is handed in",
    "pictures.alt": "`describe` of the prompt, or of a model's scene; both are checked before the picture is kept",
    "pictures.lora": "names of the operator's files",
    "picture_files.data": "pictures: the classifier of pictures judges them before they are kept",
    "jobs.parameters": "ids; the prompt of a picture is screened before the job is added",
    "job_interactions.content": "ids of choices",
    "uploads.name": "screened as the title before a document is kept under it",
    "uploads.data": "a file that is yet to be read, shown to nobody; judged with its text before it is kept",
    "uploads.found": "the text of a file, shown to nobody; judged before it is kept as a document",
    "persona_originals.content": "the file of a card, judged with it; given back to who sees the persona",
    "lorebooks.more": "fields of the file that nothing here reads, given back to who sees the book",
    "lorebooks.problems": "parts of its keys, which were judged with the book",
    "lorebook_entries.more": "fields of the file that nothing here reads, given back to who sees the book",
    "outbox.payload": "ids and wordings",
    "late_updates.content": "an event that is yet to be handled, shown to nobody",
    "identities.username": "the platform's own handle, one word, by which people are found; shown nowhere",
    "awaited_files.event": "an event that is yet to be handled, shown to nobody",
    "data_export_parts.data": "a copy of the person's own rows, sent to nobody else",
    "reports.reason": "read by operators only, who must see what is reported",
}
"""Why a column has no gate."""
