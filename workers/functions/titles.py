"""The title of a page, made from its text by rule: for models that are asked for prose alone.

It is a noun with its article, in the page's own words. What is a noun is told without a dictionary, by what stands
around it, so it is known for languages with articles, and behind prepositions for some without.
"""

import re
from typing import Final

from workers.craft.languages import base_tag
from workers.craft.prose import Prose
from workers.cutting import cut_at_word
from workers.offline.words import words


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


MAX_WORDS: Final = 5
FEW_CHARS: Final = 40
"""Length of a title that is made of the first words, in characters."""
_BOUNDARY: Final = r"(?=\s*[{signs}.;:!?”\"—–…)]|\s*$|\s+(?:{words})\b)"
"""What stands behind a noun with all that belongs to it."""
_FOLLOWING: Final = (
    "in|on|at|to|from|with|by|for|and|or|but|that|which|who|whose|where|when|as|is|are|was|were|has|have|had|into|onto"
    "|over|under|behind|beside|before|after|through|across|against|near|like|you|your|since|until|while|he|she|it|they"
    "|below|above|between|among|around|does|do|will|can|so|then"
)
_ENGLISH: Final = re.compile(
    r"\b(?:the|an?)\s+(?P<before>[a-z][\w’'-]*\s+)?(?P<noun>[a-z][\w’'-]*)"
    r"(?P<more>\s+of\s+(?:the\s+|an?\s+)?[a-z][\w’'-]*)?" + _BOUNDARY.format(signs=",", words=_FOLLOWING),
    re.IGNORECASE | re.MULTILINE,
)
_DULL: Final = _words(
    "air area back bit body couple course day distance door dozen edge end eye eyes face feeling few first floor "
    "former front glimpse ground half hand hands head hour idea inside instant kind last latter left light little "
    "look lot man men middle minute moment morning more most name next night number one ones only other others "
    "outside pair part people person piece place point reader rest right room row same second sense side sky sort "
    "sound story thing things time top two three four voice way ways while wind woman women word words world year"
)
"""Nouns that name no page."""
_LINKS: Final = frozenset(_FOLLOWING.split("|")) | _words(
    "about again all alone already also apart aside away back down else enough even ever first forever here home "
    "instead itself just later long not now of anybody anyone anything everybody everyone everything nobody nothing "
    "somebody someone something off once only open out shut still there today together tonight too up"
)
"""Words behind a noun that do not belong to it."""
_ADJECTIVES: Final = _words(
    "bare big bitter black blank blind blue bright broad brown clean clear cold cool damp dark dead deaf deep dim dry "
    "dull faint fair far fat fierce fine flat fresh full gold grand great green gray grey hard heavy high hot huge "
    "large last late little long loose lost loud low narrow near new odd old other own pale plain poor proud pure "
    "quick quiet raw red rich rough round sharp short sick slow small smooth soft sour square steep stiff still "
    "strange strong sweet tall thick thin third tight tiny vast warm weak wet white whole wide wild wrong yellow young"
)
_ADJECTIVE: Final = re.compile(
    r"(?:[’']s|s[’']|en|ed|ish|ous|ful|less|ive|est|able|[^aeiou]ic|[bdglnst]{2}y"
    r"|(?<!even)(?<!morn)(?<!build)(?<!ceil)ing)$"
)
"""Endings of adjectives, and of the genitive."""
_ADVERB: Final = re.compile(r"(?<!fami)(?<!butterf)(?<!bel)(?<!li)(?<!\bf)ly$")
_BEHIND: Final = {
    "nl": "en|of|is|zijn|was|heeft|in|aan|op|uit|met|van|voor|achter|onder|over|naast|naar|als|die|dat",
    "fr": "et|ou|est|sont|a|dans|en|sur|sous|avec|pour|par|qui|que|où|comme|devant|derrière|contre|vers",
    "es": "y|o|es|está|son|ha|en|sobre|bajo|con|por|para|que|donde|como|ante|tras|contra|hacia|se",
    "it": "e|o|è|sono|ha|in|su|sotto|con|per|che|dove|come|davanti|dietro|contro|verso|si",
    "pt": "e|ou|é|está|são|em|no|na|sobre|sob|com|por|para|que|onde|como|diante|atrás|contra|se",
    "pl": "i|oraz|jest|są|w|na|z|ze|pod|nad|który|która|jak|gdzie",
    "ru": "и|или|в|на|с|под|над|который|которая|как|где",
    "uk": "і|й|та|або|в|у|на|з|під|над|який|яка|як|де",
}
"""Words that stand behind a noun with all that belongs to it, by language."""
_BEFORE: Final = {
    "nl": r"(?:de|het|een) (?:[a-z]+e )?[a-z]{3,}",
    "fr": r"(?:(?:la|le|les|une|un) |l['’])[a-zà-ÿ]{3,}(?: (?:de (?:la )?|du |des |d['’])[a-zà-ÿ]{3,})?",
    "es": r"(?:la|el|las|los|una|un) [a-zà-ÿ]{3,}(?: (?:del|de la|de) [a-zà-ÿ]{3,})?",
    "it": r"(?:(?:la|il|lo|gli|le|una|un|uno) |(?:l|un)['’])[a-zà-ÿ]{3,}(?: (?:di|del|della|dei) [a-zà-ÿ]{3,})?",
    "pt": r"(?:a|o|as|os|uma|um) [a-zà-ÿ]{3,}(?: (?:de|do|da|dos|das) [a-zà-ÿ]{3,})?",
    "pl": r"(?:na|w|we|pod|nad|przed|za|przy|u|obok|wśród) [a-ząćęłńóśźż]{3,}",
    "ru": r"(?:в|во|на|у|под|над|перед|за|около|среди|между|возле) [а-яё]{3,}",
    "uk": r"(?:в|у|на|під|над|перед|за|біля|серед|між|коло) [а-яіїєґ']{3,}",
}
"""A noun with its article; in languages without articles with a preposition: "Under the lamp"."""
_NOUNS: Final = {
    # A German noun is known by its capital. Only forms that are the subject's: "dem Turm" would make no title.
    "de": re.compile(r"(?<!, )\b(?:[Dd]as|[Dd]ie|[Ee]ine?) (?:[a-zäöüß]+e[rsn]? )?[A-ZÄÖÜ][\wäöüß-]{2,}"),
    **{
        tag: re.compile(
            # Before a comma an adjective may stand alone: "in the dark, narrow street".
            rf"\b{before}" + _BOUNDARY.format(signs="" if tag in {"pl", "ru", "uk"} else ",", words=_BEHIND[tag]),
            re.IGNORECASE | re.MULTILINE,
        )
        for tag, before in _BEFORE.items()
    },
}
_PRONOUN: Final = re.compile(
    r"\b(?:tu|il|elle|on|je|nous|vous|ils|elles|ne|qui|te|me|se|no|yo|él|ella|que|tú|non|não|você|ele|ela|eu|ze|hij|ik)"
    r"\s+$",
    re.IGNORECASE,
)
"""Words behind which what looks like an article is a pronoun: "tu la vois"."""
_DULL_ELSEWHERE: Final = _words(
    "hand hände augen moment zeit mal seite ende luft tag nacht kopf frage long plupart haar sorte espèce genre poco "
    "pie altro altra tuo tua suo sua mio ним нею нем нём ней ними нами вами мной тобой ею неї нього ньому nim nią "
    "nimi niej tobą mną nami nich dworze дворе самом самім autre autres même temps jour nuit main mains yeux fois peu "
    "bout côté fond tête mano manos ojos momento tiempo vez lado fondo otro otra otros mismo aire día noche cabeza "
    "mani occhi tempo volta giorno notte testa mão mãos olhos dia noite cabeça handen ogen tijd keer dag hoofd kant "
    "einde początku razie chwilę sobą końcu конце этом миг собой тебя него кінці тебе мить собою тобою цьому том тому"
)
"""The same of other languages, and words for persons behind their prepositions."""
_SEEN: Final = re.compile(r"(?:(?:la|una) \w+i|(?:el|una?|o|a) \w+s)\b", re.IGNORECASE)
"""A pronoun with what "you" do, in Italian, Spanish and Portuguese: "la vedi", "la ves"."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_SENTENCE: Final = re.compile(r"[.!?…。！？，、\n]")


def title_of(text: str, language: str = "en") -> str:
    """Return two to five words that name a page: what it speaks of most, else its first words."""
    told, tag = Prose(text).narration, base_tag(language)
    found = _english(told) if tag == "en" else _others(told, tag)
    if found:
        return found[:1].upper() + found[1:]
    first = _SENTENCE.split(text.strip())[0]
    return cut_at_word(" ".join(first.split()[:MAX_WORDS]), FEW_CHARS).rstrip(" ,;:-–—")


def _english(told: str) -> str:
    """Return the best noun with "the"; "" if there is none."""
    lower = told.lower()
    named: dict[str, int] = {}
    for match in _ENGLISH.finditer(told):
        found = _noun(match)
        if found is None:
            continue
        phrase, head = found
        fits = 1 < phrase.count(" ") + 2 <= MAX_WORDS
        named.setdefault(phrase, 2 * min(lower.count(head.lower()), 3) + phrase.count(" ") if fits else 0)
    best = max(named, key=lambda phrase: named[phrase], default="")
    return f"the {best}" if best else ""


def _noun(match: re.Match[str]) -> tuple[str, str] | None:
    """Return a noun with what belongs to it, and the noun alone; None if it is none, or a dull one."""
    before, noun, more = (match["before"] or "").strip(), match["noun"], match["more"] or ""
    describes = before.lower() in _ADJECTIVES or _ADJECTIVE.search(before.lower()) is not None
    if before and not more and (_is_behind(noun) or (not describes and _is_verb(noun, before))):
        # "The gate creaks", "the lamp again": the noun is what stands before.
        before, noun, describes = "", before, False
    low = noun.lower()
    if low in _DULL or low in _LINKS or low in _ADJECTIVES or _ADVERB.search(low) or len(low) < 3:
        return None
    if before.lower() in _LINKS or (before and not describes and _ADVERB.search(before.lower())):
        return None
    last = more.split()[-1].lower() if more else ""
    if last and (last in _DULL or _is_behind(last)):
        more = ""
    return " ".join(f"{before} {noun}{more}".split()), noun


def _is_behind(word: str) -> bool:
    return word.lower() in _LINKS or _ADVERB.search(word.lower()) is not None


def _is_verb(word: str, subject: str) -> bool:
    """Return whether a word behind a possible ``subject`` is what it does: "gate creaks", "dogs bark", "key turned"."""
    low, verbs = word.lower(), words().verb_set
    if low.endswith(("ed", "ing")) and len(low) > 4:
        return True
    return low in verbs or (low.endswith("s") and not low.endswith("ss") and not subject.lower().endswith("s"))


def _others(told: str, tag: str) -> str:
    """Return the best noun of another language with what stands before it; "" if none is known."""
    if tag not in _NOUNS:
        return ""
    found = [match[0] for match in _NOUNS[tag].finditer(told) if not _PRONOUN.search(told[: match.start()][-12:])]
    lower = told.lower()
    return max(
        (each for each in found if _DULL_ELSEWHERE.isdisjoint(_WORD.findall(each.lower())) and not _is_seen(each)),
        key=lambda each: (lower.count(each.split()[-1].lower()), len(each)),
        default="",
    )


def _is_seen(words: str) -> bool:
    return _SEEN.match(words) is not None
