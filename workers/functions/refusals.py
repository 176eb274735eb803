"""Recognises answers in which a model declines to write, instead of writing.

Three things must come together in a short text: it begins by declining, in its own words and not in quotation marks;
what it declines is an act of writing or helping; and it names the request, the content or itself. A character who says
"I'm sorry, but I can't" meets the first at most.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_CHARS: Final = 1200
"""Longer texts are stories, whatever they begin with."""
_BEGINNING: Final = 400
"""Characters in which all three must be found: about the first three sentences."""
_CANNED: Final = re.compile(
    r"(?:i['’]?m (?:really |very )?sorry,? (?:but )?|sorry,? (?:but )?)?i (?:can['’]?t|cannot|can not)"
    r" (?:assist|help you|help) with (?:that|this)(?: request)?\.?",
    re.IGNORECASE,
)
"""The whole answer of many models."""


@dataclass(frozen=True, slots=True)
class _Language:
    """``declines`` at the beginning, ``about`` near it; ``machine``: words that only a model has for itself."""

    declines: re.Pattern[str]
    about: re.Pattern[str]
    machine: re.Pattern[str]


def _language(opening: str, cannot: str, act: str, about: str, machine: str) -> _Language:
    gap = r"[^.!?。！？\n\"“”„«»「」]{0,120}?"
    declines = rf"(?:{opening}){gap}(?:{cannot}){gap}(?:{act})"
    return _Language(*(re.compile(pattern, re.IGNORECASE) for pattern in (declines, about, machine)))


_OBJECTS: Final = r"requests?|content|guidelines|polic(?:y|ies)|material|explicit|sexual|graphic|inappropriate|harmful"
_ENGLISH: Final = _language(
    r"(?:i['’]?m|i am) (?:\w+ )?sorry|i apologi[sz]e|apologies|my apologies|sorry|unfortunately|regrettably"
    r"|i appreciate|i understand|thank you|as an? (?:ai|artificial|large|language|assistant)"
    r"|i(?=['’]?m (?:not (?:able|comfortable)|unable)| am (?:not|unable)| can['’ n]"
    r"| will not| won| must (?:respectfully )?decline)",
    r"can['’]?t|can ?not|won['’]?t|will not|(?:not|un)\s?able to|not comfortable|decline|must decline|['’]m unable",
    r"\b(?:help|assist|comply|continu\w+|proceed|engag\w+|participat\w+|writ\w+|creat\w+|generat\w+|produc\w+|provid\w+"
    r"|fulfil\w*|depict\w*|discuss\w*|support|decline)\b",
    rf"\b(?:{_OBJECTS}|a story|stories|this story|the story|roleplay|an ai|language model"
    r"|(?:assist|help)(?: you)? with (?:that|this|writing|creating|generating))\b",
    rf"\b(?:an ai|ai assistant|language model|my (?:programming|guidelines)|{_OBJECTS})\b",
)
_OTHERS: Final = (
    _language(  # German
        r"(?:es )?tut mir (?:\w+ )?leid|entschuldigung|leider|ich bedauere|als (?:eine )?(?:ki|sprachmodell)"
        r"|ich (?=kann|darf|werde|möchte)",
        r"(?:kann|darf|möchte|werde) .{0,80}?(?:nicht|keine?n?)",
        r"helfen|unterstützen|schreiben|erstellen|verfassen|erfüllen|fortsetzen|nachkommen|generieren|behilflich",
        r"anfrage|inhalt|richtlinien|geschichte|\bki\b|sprachmodell|\bdabei\b|\bdamit\b",
        r"anfrage|inhalte|richtlinien|\bki\b|sprachmodell",
    ),
    _language(  # French
        r"(?:je suis )?(?:\w+ )?(?:désolée?|navrée?)|malheureusement|en tant qu['’](?:ia|assistant|un )|je m['’]excuse"
        r"|je (?=ne )",
        r"ne (?:peux|puis|suis) (?:pas|malheureusement pas)?",
        r"aider|assister|écrire|créer|générer|rédiger|répondre|continuer|produire|poursuivre",
        r"demande|contenu|histoire|politique|directives|\bia\b|modèle de langage|à cela|avec cela",
        r"demande|contenus?|directives|\bia\b|modèle de langage",
    ),
    _language(  # Spanish
        r"lo siento|lo lamento|perdón|disculpa|lamentablemente|como (?:ia|modelo|asistente)|(?=no puedo)",
        r"no (?:puedo|podré|me es posible|estoy en condiciones)",
        r"ayudar|asistir|escribir|crear|generar|continuar|proporcionar|cumplir",
        r"solicitud|petición|contenido|historia|con eso|políticas|directrices|\bia\b|modelo de lenguaje",
        r"solicitud|contenido|directrices|\bia\b|modelo de lenguaje",
    ),
    _language(  # Portuguese
        r"desculpe|sinto muito|lamento|infelizmente|como (?:uma )?(?:ia|modelo)|(?:eu )?(?=não posso|não consigo)",
        r"não (?:posso|consigo|poderei)",
        r"ajudar|escrever|criar|gerar|continuar|fornecer|atender",
        r"solicitação|pedido|conteúdo|história|com isso|diretrizes|\bia\b|modelo de linguagem",
        r"solicitação|conteúdo|diretrizes|\bia\b|modelo de linguagem",
    ),
    _language(  # Italian
        r"mi dispiace|spiacente|purtroppo|come (?:ia|modello)|(?=non posso|non sono in grado)",
        r"non (?:posso|sono in grado)",
        r"aiutar|assister|scriver|crear|generar|continuar|fornir|soddisfar",
        r"richiesta|contenut|storia|con questo|linee guida|\bia\b|modello linguistico",
        r"richiesta|contenuti|linee guida|\bia\b|modello linguistico",
    ),
    _language(  # Dutch
        r"het spijt me|sorry|helaas|als (?:een )?(?:ai|taalmodel)|ik (?=kan|mag|wil)",
        r"(?:kan|mag|wil) .{0,80}?(?:niet|geen)",
        r"helpen|schrijven|maken|genereren|voldoen|voortzetten",
        r"verzoek|inhoud|verhaal|hiermee|daarmee|richtlijnen|\bai\b|taalmodel",
        r"verzoek|inhoud|richtlijnen|\bai\b|taalmodel",
    ),
    _language(  # Polish
        r"przepraszam|przykro mi|niestety|jako (?:ai|model)|(?=nie mogę|nie jestem w stanie)",
        r"nie (?:mogę|jestem w stanie)",
        r"pomóc|pisać|napisać|tworzyć|stworzyć|wygenerować|generować|kontynuować|spełnić",
        r"prośb|żądani|treści|histori|w tym\b|zasad|\bai\b|model językowy",
        r"prośb|treści|zasad|\bai\b|model językowy",
    ),
    _language(  # Russian and Ukrainian
        r"извин\w+|прост\w+|к сожалению|мне (?:очень )?жаль|прошу прощения|как (?:ии|языковая|искусственный)"
        r"|вибач\w+|на жаль|перепрошую|мені шкода|(?:я )?(?=не могу|не можу)",
        r"не (?:могу|смогу|в состоянии|имею возможности|можу|зможу)",
        r"помо[чг]\w*|писать|написать|созда\w+|генерировать|продолж\w+|выполн\w+|обсужд\w+|допомогти|написати|створ\w+",
        r"запрос|запит|контент|содержан|истори|історі|с этим|з цим|правил|политик|\bии\b|языковая модель|эту тему",
        r"запрос|запит|контент|политик|\bии\b|языковая модель",
    ),
    _language(  # Turkish
        r"üzgünüm|maalesef|özür dilerim|kusura bakma",
        r"",
        r"yardımcı olamam|yardımcı olamıyorum|yazamam|yazamıyorum|oluşturamam|üretemem|yerine getiremem|devam edemem",
        r"iste[kğ]|talep|içerik|hikâye|hikaye|bu konuda|yapay zek",
        r"iste[kğ]|talebi|içerik|yapay zek",
    ),
    _language(  # Chinese
        r"(?:我)?(?:很|非常)?(?:抱歉|遗憾|遺憾)|对不起|對不起|不好意思|作为.{0,4}(?:ai|人工智能|语言模型)"
        r"|我(?=无法|無法|不能|没办法)",
        r"不能|无法|無法|没办法|不会",
        r"帮|幫|協助|协助|提供|生成|创作|撰写|写|满足|继续|回答|讨论",
        r"请求|請求|要求|内容|內容|故事|话题|准则|政策|人工智能|语言模型|\bai\b",
        r"请求|請求|内容|內容|准则|政策|人工智能|语言模型|\bai\b",
    ),
    _language(  # Japanese
        r"(?:大変)?申し訳(?:ありません|ございません)|すみません|恐れ入りますが|ごめんなさい|残念ながら",
        r"",
        r"できません|できかねます|いたしかねます|お手伝いでき|お応えでき|対応でき",
        r"リクエスト|ご要望|ご依頼|コンテンツ|内容|お手伝い|生成|作成|お応え|対応",
        r"リクエスト|ご要望|ご依頼|コンテンツ|ガイドライン",
    ),
    _language(  # Korean
        r"죄송(?:합니다|하지만|해요)|미안하지만|유감",
        r"",
        r"수 없습니다|수 없어요|어렵습니다",
        r"요청|콘텐츠|내용|도와|도움|작성|생성",
        r"요청|콘텐츠|가이드라인",
    ),
)


def declines(text: str, *, in_character: bool = False) -> bool:
    """Return whether ``text`` is a model's refusal to write.

    ``in_character``: the text speaks as a person, who may decline what they are asked; then only words that a person
    would not use for it count, and answers that models give word for word.
    """
    text = text.strip().lstrip("*_#> ").rstrip()
    if not text or len(text) > MAX_CHARS:
        return False
    if _CANNED.fullmatch(text.replace("\n", " ")):
        return not in_character or "assist" in text.casefold()
    beginning = text[:_BEGINNING]
    for language in (_ENGLISH, *_OTHERS):
        if language.declines.match(beginning):
            named = language.machine if in_character else language.about
            return named.search(beginning) is not None
    return False
