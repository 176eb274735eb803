"""Which language a text is in, by its script and its commonest words. Rules only: where they say nothing, None."""

import math
import re
from collections import Counter
from typing import Final

from workers.craft.prose import DENSITY, Prose, ratio

_COMMON: Final[dict[str, frozenset[str]]] = {
    tag: frozenset(words.split())
    for tag, words in {
        "en": "the and of to is you your that it with as at on are for this but from they have his her was not be into "
        "what their there will an by it's",
        "de": "der die das und ist du dein deine deinen nicht ein eine einen mit sich auf dem den zu dich dir im von "
        "wie als aber es ich sie auch hat noch nach vor aus wird bist wenn über",
        "es": "el la los las que de y en un una tu te no se por con del al es lo más pero como su sus está hay sobre "
        "entre cuando desde eres tus para",
        "fr": "le la les des une et est tu ton ta tes que qui dans pour pas sur avec au du ne se ce mais vous plus "
        "votre elle il son sa comme sont aux",
        "it": "il lo gli che di e un una tu tuo tua non per con del della nel nella si sono è ma come al dal dei delle "
        "ti più sul sulla sei",
        "nl": "de het een en je van is niet dat op te in met zijn aan maar voor er naar uit ze hij om over jouw "
        "bij ook "
        "als wat nog door heeft",
        "pl": "i w na nie się z do jest że to jak ale po od twój twoje cię ci jego jej który która są za przez "
        "już tylko "
        "jesteś czy przed gdy",
        "pt": "o a os as que de e em um uma você seu sua não se por com do da no na mas como para ao mais está "
        "são seus "
        "suas pelo pela à",
        "tr": "ve bir bu da de için ile ne gibi ama daha sen senin seni çok var yok kadar olan o her şey sonra bile "
        "değil mi onu içinde",
        "ru": "и в не на ты что с как но это из к по он она они его её за от же тебя твой твои у бы так то вы когда мы",
        "uk": "і в не на ти що з як але це із до по він вона вони його її за від ж тебе твій твої у б так та ви коли й "
        "є",
    }.items()
}
_SCRIPTS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("kana", re.compile("[ぁ-ヿ]")),
    ("han", re.compile("[⺀-〇㐀-鿿\uf900-\ufaff]")),
    ("hangul", re.compile("[\u1100-\u11ff\uac00-\ud7a3]")),
    ("cyrillic", re.compile("[Ѐ-ӿ]")),
    ("latin", re.compile("[A-Za-zÀ-ɏ]")),
    ("other", re.compile("[Ͱ-Ͽ\u0530-\u08ff\u0900-\u10ff\u1200-\u18af]")),
)
_BEYOND_LATIN: Final = re.compile("[Ͱ-\u1fff⺀-\ud7ff\uf900-\ufaff]")
_SCRIPT_OF: Final = {"ja": "kana", "ko": "hangul", "zh": "han", "ru": "cyrillic", "uk": "cyrillic"}
_LATIN: Final = frozenset({"en", "de", "es", "fr", "it", "nl", "pl", "pt", "tr"})
_DENSE: Final = frozenset({"zh", "yue", "ja", "ko"})
_UNSPACED: Final = _DENSE | {"th", "lo", "my", "km"}
_THIN: Final = 1.25
"""Spaces, figures and line breaks in a dense text count for one character: it needs so many times as many."""
_FEW_LETTERS: Final = 24
"""Letters below which a text's script says nothing: names and cries."""
_FOREIGN: Final = 0.5
"""Share of letters in a script that make a text one in it."""
_KANA: Final = 0.08
"""Share of kana from which on Chinese characters are Japanese."""
_MARGIN: Final = 2.0
"""How many times as many common words of another language than of the one asked for."""


def base_tag(tag: str) -> str:
    """Return the language of a BCP 47 tag: ``pt`` of ``pt-BR``."""
    return tag.partition("-")[0].partition("_")[0].lower()


def characters(size: int, tag: str) -> int:
    """Return how many characters of a text in a language surely make a size (`workers.craft.prose.Prose.size`)."""
    return math.ceil(size / DENSITY * _THIN) if base_tag(tag) in _DENSE else size


def is_unspaced(tag: str) -> bool:
    """Return whether a language is written without spaces between words, or counts as such."""
    return base_tag(tag) in _UNSPACED


def other_than(text: Prose, tag: str, least: int) -> str | None:
    """Return the language that ``text`` is in instead of ``tag``; None if it is in that, or nobody can say.

    ``least`` is the number of common words of a language that a text in it must have.
    """
    asked = base_tag(tag)
    if asked not in _COMMON and asked not in _SCRIPT_OF:
        return None
    script = _script(text.text)
    if script is None:
        return None
    if script != _SCRIPT_OF.get(asked, "latin"):
        return _by_script(script) or _commonest(text, script, least) or script
    found = _commonest(text, script, least)
    if found is None or found == asked or asked not in _COMMON:
        return None
    counted = _counted(text)
    return found if counted[found] >= _MARGIN * max(1, counted[asked]) else None


def language_of(text: Prose, least: int) -> str | None:
    """Return the language of a text if it is plain which of those offered it is, else None."""
    script = _script(text.text)
    if script is None:
        return None
    return _by_script(script) or _commonest(text, script, least)


def has_words_of(text: Prose, tag: str) -> bool:
    """Return whether a text has common words of a language."""
    return not _COMMON.get(tag, frozenset()).isdisjoint(text.words)


def _script(text: str) -> str | None:
    """Return the script that a text is in, None if it has few letters or several scripts."""
    if not _BEYOND_LATIN.search(text):
        return "latin" if sum(map(str.isalpha, text)) >= _FEW_LETTERS else None
    counted = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS}
    letters = sum(counted.values())
    # A letter of these stands for several of an alphabet.
    dense = counted["kana"] + counted["han"] + counted["hangul"]
    if letters + dense < _FEW_LETTERS:
        return None
    if ratio(counted["kana"] + counted["han"], letters) >= _FOREIGN:
        return "kana" if ratio(counted["kana"], letters) >= _KANA else "han"
    name = max(counted, key=lambda each: counted[each])
    return name if ratio(counted[name], letters) >= _FOREIGN else None


def _by_script(script: str) -> str | None:
    return {"kana": "ja", "han": "zh", "hangul": "ko"}.get(script)


def _counted(text: Prose) -> Counter[str]:
    words = Counter(text.words)
    return Counter({tag: sum(words[word] for word in common) for tag, common in _COMMON.items()})


def _commonest(text: Prose, script: str, least: int) -> str | None:
    """Return the language whose common words are the most frequent ones of a text, if they are frequent."""
    tags = _LATIN if script == "latin" else {"ru", "uk"} if script == "cyrillic" else frozenset[str]()
    counted = _counted(text)
    tag = max(tags, key=lambda each: counted[each], default="")
    return tag if tag and counted[tag] >= max(least, len(text.words) // 12) else None
