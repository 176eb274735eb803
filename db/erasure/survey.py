"""Counts of what erasing would delete, and of what would stay: shown before anything is confirmed."""

from dataclasses import dataclass
from typing import Final

from db.records import fetch_one

_PROMPTS: Final = """
prompts AS (SELECT account_id, updated_by FROM prompt_overrides
    UNION ALL SELECT account_id, updated_by FROM task_prompts
    UNION ALL SELECT account_id, updated_by FROM prompt_variants WHERE source <> '')"""
_PERSON: Final = f"""
WITH {_PROMPTS},
own AS (SELECT a.id FROM accounts a JOIN users u ON u.platform = a.platform AND u.external_id = a.external_id
    WHERE u.id = $1 AND a.kind IN ('dm', 'console')),
talks AS (SELECT id FROM conversations WHERE account_id IN (SELECT id FROM own)),
actions AS (SELECT p.story_id FROM choices c JOIN pages p ON p.id = c.page_id JOIN stories s ON s.id = p.story_id
    WHERE c.user_id = $1 AND s.account_id NOT IN (SELECT id FROM own)),
premises AS (SELECT id FROM stories WHERE owner_id = $1 AND account_id NOT IN (SELECT id FROM own))
SELECT
    (SELECT count(*) FROM stories WHERE account_id IN (SELECT id FROM own)) AS stories,
    (SELECT count(*) FROM pages p JOIN stories s ON s.id = p.story_id
        WHERE s.account_id IN (SELECT id FROM own)) AS pages,
    (SELECT count(*) FROM chat_messages WHERE conversation_id IN (SELECT id FROM talks) AND role IN ('user', 'persona'))
        AS messages,
    (SELECT count(*) FROM pictures WHERE user_id = $1 OR account_id IN (SELECT id FROM own)) AS pictures,
    (SELECT count(*) FROM personas WHERE account_id IN (SELECT id FROM own)) AS personas,
    (SELECT count(*) FROM prompts WHERE updated_by = $1 OR account_id IN (SELECT id FROM own)) AS prompts,
    (SELECT count(*) FROM actions) + (SELECT count(*) FROM premises) + (SELECT count(*) FROM chat_messages
        WHERE user_id = $1 AND conversation_id NOT IN (SELECT id FROM talks)) AS place_texts,
    (SELECT count(*) FROM pages WHERE story_id IN (SELECT story_id FROM actions UNION SELECT id FROM premises)
        AND state = 'ready') AS place_pages"""
_PLACE: Final = f"""
WITH {_PROMPTS}
SELECT
    (SELECT count(*) FROM stories WHERE account_id = $1) AS stories,
    (SELECT count(*) FROM pages p JOIN stories s ON s.id = p.story_id WHERE s.account_id = $1) AS pages,
    (SELECT count(*) FROM chat_messages m JOIN conversations c ON c.id = m.conversation_id
        WHERE c.account_id = $1 AND m.role IN ('user', 'persona')) AS messages,
    (SELECT count(*) FROM pictures WHERE account_id = $1) AS pictures,
    (SELECT count(*) FROM personas WHERE account_id = $1) AS personas,
    (SELECT count(*) FROM prompts WHERE account_id = $1) AS prompts"""


@dataclass(frozen=True, slots=True)
class PlaceSurvey:
    """What is stored for an account, by kind."""

    stories: int
    pages: int
    messages: int
    pictures: int
    personas: int
    prompts: int


@dataclass(frozen=True, slots=True)
class PersonSurvey:
    """What is stored about a person, by kind.

    ``place_texts`` are their actions, premises and messages in places: these read "removed" afterwards. ``place_pages``
    are the pages of stories there that stay, without quotes of them.
    """

    stories: int
    pages: int
    messages: int
    pictures: int
    personas: int
    prompts: int
    place_texts: int
    place_pages: int


async def survey_person(user_id: int) -> PersonSurvey:
    """Count what is stored about a person."""
    found = await fetch_one(PersonSurvey, _PERSON, user_id)
    assert found is not None
    return found


async def survey_place(account_id: int) -> PlaceSurvey:
    """Count what is stored for a place."""
    found = await fetch_one(PlaceSurvey, _PLACE, account_id)
    assert found is not None
    return found
