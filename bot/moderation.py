"""The gate for texts that are stored without a model: the word list at once, a verdict before anybody else sees them.

Every column that holds what a person wrote is listed in `db.stored_texts`, with its gate.
"""

from bot.context import Context
from bot.ratings import allowed_here
from db import moderation
from db.moderation import TextRefused, Verdict
from prompts.safety.check import refusal, scan
from prompts.safety.passages import passages, short_whole
from prompts.safety.rating import Rating, exceeds, highest


async def screen(context: Context, *, rating: Rating | None = None, negative: str = "", **texts: str) -> Verdict:
    """Check what a person wants to store, by field; return the verdict to store it with.

    ``rating`` is what is allowed (None: what place and account allow), ``negative`` a picture's negative prompt.
    What is sfw by the word list is checked if no classifier is configured; anything else waits for a job's verdict.
    Raises `db.moderation.TextRefused`, and `NotAllowed` during a cooldown.
    """
    moderation.check_cooldown(context.who.cooldown_until)
    allowed = allowed_here(context) if rating is None else rating
    found = {name: [scan(each) for each in passages(text)] for name, text in texts.items()}
    if (whole := short_whole(*texts.values())) is not None and scan(whole).forbidden:
        raise TextRefused("minors", stage="stored", field=next(iter(texts)), texts=texts.values(), rating=allowed)
    everything = [finding for findings in found.values() for finding in findings]
    young = any(finding.minors for finding in everything)
    for name, findings in found.items():
        for finding in findings:
            if finding.forbidden or (young and finding.needs == "nsfw"):
                raise TextRefused("minors", stage="stored", field=name, texts=texts.values(), rating=allowed)
            if exceeds(finding.needs, "sfw" if young else allowed):
                raise TextRefused("rating", stage="stored", field=name, texts=texts.values(), rating=allowed)
    if negative and refusal("nsfw", *texts.values(), negative=negative) is not None:
        raise TextRefused("minors", stage="stored", field="negative", texts=(*texts.values(), negative), rating=allowed)
    harmless = highest(*(finding.needs for finding in everything)) == "sfw"
    return "checked" if harmless and not context.moderation.classified else "unchecked"


async def offer_help(context: Context, *texts: str) -> bool:
    """Answer with the help line if a person writes of ending or harming their own life; True if that is the answer.

    Once an hour in a conversation: then the story, or the persona, goes on. Nothing of it is recorded.
    """
    if not any(scan(each).crisis for text in texts for each in passages(text)):
        return False
    if not await moderation.offer_help(context.conversation_id):
        return False
    line = context.moderation.help_line
    await (context.notice("moderation.help_own", line=line) if line else context.notice("moderation.help_line"))
    return True
