"""Who speaks: the persona whose reply a job writes, and whether it has said something in a chat before."""

from db.connection import row
from db.personas import Persona
from db.records import columns, fetch_one


async def of_job(account_id: int, job_id: int) -> Persona | None:
    """Return the persona whose reply a job of an account writes; None if it writes none."""
    return await fetch_one(
        Persona,
        f"SELECT {columns(Persona, 'p')} FROM jobs j JOIN chat_messages m ON m.id = j.message_id "
        "JOIN personas p ON p.id = coalesce(m.speaker_id, m.persona_id) "
        "WHERE j.id = $2 AND j.account_id = $1 AND m.role = 'persona'",
        account_id, job_id,
    )  # fmt: skip


async def is_new(account_id: int, message_id: int) -> bool:
    """Return whether a persona's message in an account is the first that it says in its conversation.

    The variants of one message are one, and a reset does not make a persona new.
    """
    found = await row(
        "SELECT NOT EXISTS (SELECT FROM chat_messages e WHERE e.conversation_id = m.conversation_id "
        "AND coalesce(e.speaker_id, e.persona_id) = coalesce(m.speaker_id, m.persona_id) "
        "AND e.role = 'persona' AND e.state = 'ready' "
        "AND e.reply_to_id IS DISTINCT FROM m.reply_to_id AND e.id < m.id) AS new "
        "FROM chat_messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = $2 AND c.account_id = $1",
        account_id, message_id,
    )  # fmt: skip
    return found is not None and found["new"]
