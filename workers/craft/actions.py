"""Whether a choice is an action, by the words that it begins with: in languages whose words for that are known."""

import re
from typing import Final

from workers.craft.languages import base_tag
from workers.craft.prose import plain, unspaced

QUOTES: Final = "“\"„«»「『‘'"
_ARTICLES: Final = {
    tag: frozenset(words.split())
    for tag, words in {
        "en": "the a an this that these those my your his her its our their it there what why how who when where "
        "i you he "
        "she they we",
        "de": "der die das ein eine einen",
        "nl": "de het een",
        "es": "el los las un una unos unas",
        "fr": "un une des",
        "it": "il gli un uno una",
        "pt": "os um uma uns umas",
    }.items()
}
"""Words that begin the name of a thing, not an action."""
_VERB_LAST: Final = {"de": re.compile(r"(?:en|ern|eln|tun)$"), "nl": re.compile(r"en$|aan$|staan$")}
"""Languages in which the verb may stand at the end: "Die Tür öffnen"."""
_SUBJECTS: Final = frozenset({"i", "you", "we"})
"""With a verb behind them they are an action: "You follow the line"."""
_ASKED: Final = {
    tag: re.compile(rf"(?:{words})\b", re.IGNORECASE)
    for tag, words in {
        "en": "what|why|how|who|where|when|which|do|does|did|will|would|should|could|can|are|is|have|has",
        "de": "was|warum|wieso|wie|wer|wen|wem|wo|woher|wohin|wann|welche[rnms]?|willst|wollen|wirst|möchtest|kannst"
        "|können|sollst|soll|sollen|ist|sind|hat|haben",
        "nl": "wat|waarom|hoe|wie|waar|wanneer|welke?|wil|ga|kun|kan|moet|is|zijn|heeft",
        "es": "¿? ?(?:qué|por qué|cómo|quién|dónde|cuándo|cuál)|¿ ?(?!\\w+[ae]s?\\b.*:)\\w+",
        "fr": "que|qu['’]\\w+|quoi|pourquoi|comment|qui|où|quand|quelle?s?|est-ce|combien",
        "it": "che|cosa|perché|come|chi|dove|quando|quale",
        "pt": "que|o que|por que|como|quem|onde|quando|qual",
        "pl": "co|dlaczego|jak|kto|gdzie|kiedy|który|czy",
        "ru": "что|почему|как|кто|где|куда|когда|какой",
        "uk": "що|чому|як|хто|де|куди|коли|який|чи",
        "tr": "ne|neden|niçin|nasıl|kim|nerede|hangi",
    }.items()
}
"""With these a question to the reader begins; "Ask him: who are you?" is an action."""
_THINGS: Final = frozenset(
    {
        "red", "orange", "yellow", "blue", "purple", "pink", "grey", "gray", "golden", "old", "new", "young", "big",
        "large", "little", "tiny", "huge", "tall", "dark", "bright", "strange", "beautiful", "ancient", "hidden",
        "broken", "wooden", "rusty", "cold", "hot", "dead", "deep", "heavy", "soft", "loud", "empty-handed", "lost",
        "lonely", "ugly", "pretty", "rich", "poor", "sharp", "sweet", "thick", "wild", "wise", "dusty",
        "foggy", "rainy", "snowy", "stormy", "muddy", "cloudy", "sunny", "windy", "another", "several", "many", "some",
        "every", "each", "both", "no", "more", "two", "three", "four", "five",
    }
)  # fmt: skip
"""English words with which the name of a thing begins, and that are no verbs."""
_OF_THINGS: Final = re.compile(r"(?!rendez)[a-z]{3,}(?:ous|ful|less|ity)$")
"""English words that are no verbs, by their end."""
_OF: Final = re.compile(
    r"(?!(?:approve|ask|beware|boast|complain|conceive|despair|disapprove|dispose|dream|drink|hear|inquire|learn|partake"
    r"|remind|repent|sing|smell|speak|talk|taste|tell|think|tire|warn|write)\b)[a-z]+ of ",
    re.IGNORECASE,
)
"""A thing of something: no verb stands right before "of" but these."""
_ONE_CLAUSE: Final = re.compile(r"[,;:–—-]|\b(?:and|then|but|to)\b", re.IGNORECASE)
"""Behind one of these an action may follow: "Cold or not, swim"."""


_HAPPENS: Final = re.compile(
    r"[A-Z][a-z’']+ (?:takes|bites|goes|opens|gives|comes|tells|asks|grabs|throws|brings|finds|sees|gets|puts|pulls"
    r"|knows|becomes|begins|follows|enters|appears|disappears|happens|says|steals|loses|leads)\b"
)
"""What somebody else does: "Boy takes the letter"."""


def is_action(text: str, tag: str) -> bool:
    """Return whether a choice is an action, or words to say; where nothing is known of a language, it is."""
    text, tag = text.strip(), base_tag(tag)
    if text[:1] in QUOTES or unspaced(text):
        return True
    if text.rstrip("\"”’»' ").endswith(("?", "？")):
        asked = _ASKED.get(tag)
        return asked is None or asked.match(text) is None
    words = plain(text).split()
    if not words or (tag == "en" and _is_thing(text, words)):
        return False
    if words[0] not in _ARTICLES.get(tag, frozenset()):
        return True
    if words[0] in _SUBJECTS:
        return len(words) > 1
    verb_last = _VERB_LAST.get(tag)
    return verb_last is not None and verb_last.search(words[-1]) is not None


def _is_thing(text: str, words: list[str]) -> bool:
    """Return whether an English text only names something, or what happens: "Blue boat in rain", "Dog bites you"."""
    if _HAPPENS.match(text):
        return True
    if _ONE_CLAUSE.search(text):
        return False
    return words[0] in _THINGS or _OF_THINGS.match(words[0]) is not None or _OF.match(text) is not None
