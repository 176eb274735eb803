"""Pages of stories: what is examined before people read one, and what is deleted so that it passes.

See `replies` and `choices` for their twins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from workers.craft import frames, layout, loops, overlap, voice, wrapping
from workers.craft.calls import without_calls
from workers.craft.findings import CraftCheck, CraftExamination, run
from workers.craft.languages import other_than
from workers.craft.phrases import about_text, is_about_text, is_lead, may_become_lead
from workers.craft.plays import is_play, said_at
from workers.craft.prose import Prose, pieces, plain
from workers.craft.settings import CraftSettings
from workers.cutting import cut_at_sentence, ends_sentence

_OPENING_WORDS: Final = 5
"""Words of a first sentence that is no exclamation."""
_ECHOED_WORDS: Final = 4
"""Words of a sentence that is the instructions' own if they have all of it."""


class PageFacts:
    """What a page is examined against. Measured once, however often the page is looked at while it is written.

    ``instructions`` are the prompt's own words, ``earlier`` the pages before, the newest last. Where it is somebody's
    ``own_prompt``, length, form, person and tense are theirs: a haiku may be asked for.
    """

    def __init__(
        self,
        *,
        language: str = "en",
        premise: str = "",
        instructions: str = "",
        earlier: Sequence[str] = (),
        ending: bool = False,
        own_prompt: bool = False,
    ) -> None:
        """``ending``: the page ends its story, so it may be shorter."""
        self.language, self.ending, self.own_prompt = language, ending, own_prompt
        self.premise, self.instructions = Prose(premise), overlap.measured(instructions)
        self.earlier = tuple(Prose(text) for text in earlier)
        self.shown: tuple[str, str] = ("", "")
        """The last whole sentences that were looked at while the page was written, and what was shown of them."""

    @cached_property
    def told_sentences(self) -> frozenset[str]:
        """The sentences and lines of the instructions, as their words."""
        return overlap.lines_of(self.instructions.text, _ECHOED_WORDS)

    def stood_before(self, sentence: str) -> bool:
        """Return whether a sentence stands in an earlier page; exclamations may."""
        found = sentence.strip()
        return any(found in each.text for each in self.earlier) and plain(found).count(" ") >= _OPENING_WORDS - 1


@dataclass(frozen=True)
class ExaminedPage:
    """A page that is examined."""

    prose: Prose
    facts: PageFacts
    settings: CraftSettings


def least_size(settings: CraftSettings, *, ending: bool) -> int:
    """Return the size of a page at least (`workers.craft.prose.Prose.size`); of one that ends its story."""
    return settings.ending_chars if ending else settings.page_chars


def too_short(page: ExaminedPage) -> bool:
    """A page has at least so many characters; one that ends its story fewer, one in a dense script fewer, too."""
    least = 1 if page.facts.own_prompt else least_size(page.settings, ending=page.facts.ending)
    return page.prose.size < least


def breaks_off(page: ExaminedPage) -> bool:
    """It ends as a sentence does."""
    return not page.facts.own_prompt and bool(page.prose.text.strip()) and not ends_sentence(page.prose.text)


def echoes_instructions(page: ExaminedPage) -> bool:
    """It has no sentence and no run of words of the prompt's own."""
    told = page.facts.told_sentences
    if any(plain(each) in told for each in page.prose.sentences):
        return True
    return overlap.longest_run(page.prose, page.facts.instructions) >= page.settings.echo_run


def echoes_premise(page: ExaminedPage) -> bool:
    """It does not copy the premise."""
    return overlap.shared_groups(page.prose, [page.facts.premise], 4) > page.settings.echo_premise


def echoes_pages(page: ExaminedPage) -> bool:
    """It copies no earlier page: neither its sentences nor, in other order, its words."""
    earlier, settings = page.facts.earlier, page.settings
    if overlap.shared_groups(page.prose, earlier) > settings.echo_earlier:
        return True
    return any(overlap.words_in_common(page.prose, each) > settings.echo_words for each in earlier)


def begins_alike(page: ExaminedPage) -> bool:
    """Its first sentence is not one of earlier pages."""
    first = next(iter(page.prose.sentences), "")
    return page.facts.stood_before(first)


def runs_in_circles(page: ExaminedPage) -> bool:
    """It does not repeat itself: word groups, sentences, openings of sentences."""
    return loops.runs_in_circles(page.prose, page.settings)


def speaks_about_text(page: ExaminedPage) -> bool:
    """It is the story, and does not speak about it, its player or its writer."""
    return about_text(page.prose) or frames.without_yes(page.prose.text) != page.prose.text


def in_other_language(page: ExaminedPage) -> bool:
    """It is in the language asked for, to its end, as script and common words show; unknown languages pass."""
    text, tag, least = page.prose.text, page.facts.language, page.settings.language_words
    return other_than(page.prose, tag, least) is not None or frames.without_translation(text, tag, least) != text


def in_other_person(page: ExaminedPage) -> bool:
    """Outside quotation marks it speaks of "you"; languages without a safe rule pass."""
    return not page.facts.own_prompt and voice.person_is_off(page.prose, page.facts.language)


def in_other_tense(page: ExaminedPage) -> bool:
    """What "you" do happens now, in English; other languages pass."""
    return not page.facts.own_prompt and voice.tense_is_off(page.prose, page.facts.language)


def has_headings(page: ExaminedPage) -> bool:
    """It has no headings, no title, no labels of its parts or of speakers, no code or markup."""
    lines, text = page.prose.paragraphs, page.prose.text
    if any(is_one(line) for line in lines for is_one in (layout.is_heading, layout.has_code)):
        return True
    if layout.speaks_in_label(lines):
        return True
    if wrapping.unwrapped(text) != text:
        return True
    if page.facts.own_prompt or not lines:
        return False
    if frames.without_title(text) != text:
        return True
    return layout.is_title(lines[0], "\n".join(lines[1:])) or is_play(text) or len(said_at(text)) > 1


def has_options(page: ExaminedPage) -> bool:
    """It has no lists and no options, and does not end by calling for a choice: the buttons are the choices."""
    text = page.prose.text
    return layout.lists(text) or (not page.facts.own_prompt and without_calls(text) != text)


CHECKS: Final[tuple[CraftCheck[ExaminedPage], ...]] = (
    CraftCheck("short", "the page is too short", too_short, growing=False),
    CraftCheck("fragment", "the last sentence breaks off", breaks_off, growing=False),
    CraftCheck("instructions", "the page repeats its instructions", echoes_instructions),
    CraftCheck("premise", "the page copies the premise", echoes_premise),
    CraftCheck("earlier", "the page copies an earlier page", echoes_pages),
    CraftCheck("opening", "it begins like an earlier page", begins_alike),
    CraftCheck("loop", "the page repeats itself", runs_in_circles, growing=False),
    CraftCheck("about_text", "it speaks about the story", speaks_about_text),
    CraftCheck("language", "it is in another language", in_other_language),
    CraftCheck("person", 'it must say "you"', in_other_person, growing=False),
    CraftCheck("tense", "it must happen now", in_other_tense, growing=False),
    CraftCheck("headings", "it has headings or labels", has_headings),
    CraftCheck("options", "the page lists options", has_options),
)
"""What every page passes, each with what is said to a model that fails it."""
_GROWING: Final = tuple(check for check in CHECKS if check.growing)


def examine_page(text: str, facts: PageFacts, settings: CraftSettings) -> CraftExamination[str]:
    """Return a page as it may be shown: unchanged if it passes, else mended by deletion and examined again."""
    page = ExaminedPage(Prose(text), facts, settings)
    failed = run(CHECKS, page)
    if not failed:
        return CraftExamination(text)
    mended = mend_page(page)
    findings = run(CHECKS, ExaminedPage(Prose(mended), facts, settings))
    return CraftExamination(mended, findings, failed, empty=not mended.strip())


def mend_page(page: ExaminedPage) -> str:
    """Return a page without what does not belong there: nothing is added."""
    text = loops.cut_loop(page.prose.text)
    text = wrapping.unwrapped(text)
    # Before what speaks about the text: that takes its whole paragraph with it.
    text = text if page.facts.own_prompt else without_calls(text)
    text = frames.without_yes(layout.without_announcement(text))
    text = text if page.facts.own_prompt else frames.without_title(text)
    text = frames.without_translation(text, page.facts.language, page.settings.language_words)
    text = layout.without_options(text)
    text = text if page.facts.own_prompt else without_calls(text)
    text = layout.without_headings(text, titles=not page.facts.own_prompt)
    text = _without_echoes(text, page.facts)
    text = loops.drop_repeats(text)
    return text if not text or page.facts.own_prompt or ends_sentence(text) else _without_fragment(text)


def shown_page(text: str, facts: PageFacts, settings: CraftSettings) -> str:
    """Return what may be shown of a page that is being written: whole sentences that pass, "" if they do not."""
    head = text.lstrip()
    if "\n" not in head and may_become_lead(head):
        return ""
    whole = _whole_sentences(head)
    first = head.partition("\n")[0]
    if len(whole) <= len(first) and is_lead(first):
        return ""
    if facts.shown[0] != whole:
        mended = mend_page(ExaminedPage(Prose(whole), facts, settings)) if whole else ""
        passes = bool(mended) and not run(_GROWING, ExaminedPage(Prose(mended), facts, settings))
        facts.shown = (whole, _never_less(mended if passes else "", whole, facts.shown))
    return facts.shown[1]


def _never_less(passed: str, whole: str, before: tuple[str, str]) -> str:
    """Return what is shown now: what people read already stays until the page is finished."""
    grows = whole.startswith(before[0]) and not passed.startswith(before[1])
    return before[1] if grows else passed


def _whole_sentences(text: str) -> str:
    """Return a text up to its last whole sentence; a last line that looks like a label or an item is held back."""
    held = layout.unfinished_line(text)
    text = text[: len(text.rstrip()) - len(held)] if held else text
    found = pieces(text)
    while found and not ends_sentence(found[-1]):
        found.pop()
    return "".join(found).rstrip()


def _without_echoes(text: str, facts: PageFacts) -> str:
    """Return a text without the sentences that are the instructions' or, at its beginning, earlier pages'."""
    kept: list[str] = []
    begun = False
    for piece in pieces(text):
        words = plain(piece)
        if words and (words in facts.told_sentences or (not begun and facts.stood_before(piece))):
            continue
        if is_lead(piece.strip()) or is_about_text(Prose(piece).narration.strip()):
            continue
        begun = begun or bool(words)
        kept.append(piece)
    return loops.tidy("".join(kept))


def _without_fragment(text: str) -> str:
    """Return a text without the sentence at its end that breaks off; all of it if it is the only one."""
    cut = cut_at_sentence(text)
    return cut if ends_sentence(cut) and not cut.endswith(" …") else text
