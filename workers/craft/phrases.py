"""Sentences that speak about the text, to whoever asked for it, instead of being it: in several languages."""

import re
from typing import Final

from workers.craft.prose import Prose

_AGREES: Final = r"(?:sure|certainly|of course|absolutely|okay|ok|great|alright|yes|understood)[,.!:]* *"
_LEAD_WORDS: Final = (
    (
        rf"{_AGREES}(?:i(?:['’]ll| will| can) (?:now )?(?:help|write|continue (?:the|with|this|your)|create|craft"
        r"|provide)"
        r"|i['’]d (?:be happy|love) to|let me (?:write|continue|help|create|try)|let['’]s (?:continue|begin|start|go on"
        r"|proceed|see)|this is (?:the|your|a) (?:next |new )?(?:page|story|continuation|text|scene|passage))\b"
    ),
    (
        r"here(?:['’]s| is| are) (?:the|your|a|an|my|one|some|page|what|three|two|four|how)\b[^.!?\n]{0,60}"
        r"(?:\b(?:pages?|passage|story|continuation|choices?|options?|chapter|scene|draft|paragraph|rewrite)\b"
        r"|\b(?:text|reply|response|answer|version|sentence)\b(?=[^,.!?\n]{0,40}(?:[:.!]|$)))"
    ),
    (
        r"let['’]s (?:continue|go on|begin|start|proceed|see what happens)(?: next)?"
        r"(?: *(?:[.!:]|$)| (?:with|the|this|your|our|to|where|from|by)\b)"
    ),
    r"i(?:['’]ll| will) (?:now )?(?:write|continue|create|craft|provide) (?:the|a|this|your|with)\b",
    r"(?:great|good|excellent|interesting) choice\b",
    (
        r"(?:okay|ok|alright|so|hmm)[,.]? (?:so )?(?:the user (?:wants|asked|asks|is|has|chose|needs|just|said)\b"
        r"|let me (?:write|continue|create|try|start)\b"
        r"|here we go *[.!:])"
    ),
    r"(?:continuing|continued) from (?:the|where)\b|based on your (?:last )?(?:choice|decision|action)\b",
    r"(?:my pleasure|sehr gerne|gerne)[,.!]? (?:the|die) (?:next|nächste) (?:page|seite)\b",
    r"(?:below|the following) (?:is|are) (?:the|your|a) (?:page|story|choices|options|continuation|next|text|scene)\b",
    (
        r"hier (?:ist|sind|kommt|folgt) (?:die|der|das|deine?|ihre?|eine?) (?:seite|geschichte|fortsetzung|text|auswahl"
        r"|antwort|szene|nächste)"
    ),
    (
        r"(?:aquí (?:tienes|está|va)|aqui está) (?:la|el|una?|tu|a|o|sua) (?:página|historia|história|continuación"
        r"|continuação|texto|siguiente|respuesta|cena|escena)"
    ),
    r"voici (?:la|le|une?|votre|ta|la suite|les) (?:page|histoire|suite|texte|choix|réponse|scène|prochaine)",
    r"ecco (?:la|il|una?|le|la tua) (?:pagina|storia|continuazione|testo|scelte|risposta|scena|prossima)",
    r"(?:вот|ось) (?:следующая|ваша|твоя|наступна) (?:страница|история|сторінка|історія)",
    r"(?:当然|好的|好)[，,！!。：: ]*(?:以下|这是|這是|下面)",
    r"(?:もちろん|承知|かしこまり)[^。\n]{0,20}(?:以下|こちら|です)",
    r"(?:물론|네)[^.\n]{0,20}(?:다음은|여기)",
)
"""What announces a text, at the beginning of a line or of a sentence."""
_HERE_WORDS: Final = (
    rf"{_AGREES}(?:here|below)\b",
    r"(?:natürlich|klar|gerne|selbstverständlich)[,.!:]* *hier (?:ist|sind|kommt)\b",
    r"(?:claro|por supuesto|desde luego|com certeza)[,.!:]* *¿?¡?(?:aquí|aqui|a continuación)\b",
    r"(?:bien sûr|certainement|d['’]accord)[,.!:]* *voici\b",
    r"(?:certo|certamente|ecco qui)[,.!:]* *ecco\b",
    r"(?:natuurlijk|zeker)[,.!:]* *hier (?:is|zijn|komt)\b",
    r"(?:oczywiście|jasne)[,.!:]* *oto\b",
    r"(?:конечно|разумеется|звичайно|звісно)[,.!:]* *(?:вот|ось)\b",
    r"(?:tabii|elbette)[,.!:]* *(?:işte|iste)\b",
)
_TEXT_WORDS: Final = (
    r"[^.!?…\n]{0,100}?(?:[:：]\s*(?=\n|$)|[:：] |\b(?:pages?|passage|story|tale|continuation|choices?|options?|reply"
    r"|response|chapter|scene|draft|paragraph|greeting|description|profile|persona|summary|seite|geschichte|fortsetzung|antwort|szene|página|historia|história"
    r"|continuación|continuação|texto|respuesta|resposta|escena|cena|suite|histoire|texte|réponse|scène|pagina|storia"
    r"|continuazione|testo|scelte|risposta|scena|verhaal|vervolg|tekst|stron\w{1,3}|ciąg|страниц\w|истори\w"
    r"|продолж\w{1,8}|сторінк\w|історі\w|sayfa\w{0,4}|hikaye\w{0,4})\b)"
)
"""What is behind those that may go on with anything else: "Of course, here is the key"."""
_MACHINE_WORDS: Final = (
    r"\bas an? (?:language )?(?:ai|artificial intelligence|large language model|language model)\b",
    r"\bals (?:ki|künstliche intelligenz|sprachmodell|ai|taalmodel)\b",
    r"\bcomo (?:una? )?(?:ia|inteligencia artificial|inteligência artificial|modelo de (?:lenguaje|linguagem))\b",
    r"\ben tant qu['’](?:ia|intelligence artificielle|assistant)\b",
    r"\bcome (?:ia|intelligenza artificiale|modello linguistico)\b",
    r"\bjako (?:model językowy|sztuczna inteligencja)\b",
    r"\bкак (?:ии|языковая модель|искусственный интеллект)\b|\bяк (?:ші|мовна модель)\b",
    r"\bbir (?:yapay zeka|dil modeli) olarak\b",
    r"作为(?:一个|一名)?(?:ai|人工智能|语言模型)|(?:ai|人工知能|言語モデル)として|(?:ai|인공지능|언어 모델)로서",
)
_CLAIM_WORDS: Final = (
    r"\b(?:i am|i['’]m) (?:just |only )?an? (?:ai|artificial intelligence|(?:large )?language model)\b",
    r"\bich bin (?:nur |bloß )?eine? (?:ki|künstliche intelligenz|(?:großes )?sprachmodell)\b",
    r"\bje (?:ne )?suis (?:juste |seulement |qu['’])?une? (?:ia|intelligence artificielle|modèle de langage)\b",
    r"\bsoy (?:solo |sólo )?una? (?:ia|inteligencia artificial|modelo de lenguaje)\b",
    r"\bsou (?:apenas |só )?uma? (?:ia|inteligência artificial|modelo de linguagem)\b",
    r"\bsono (?:solo )?un(?:['’]|a )?(?:ia|intelligenza artificiale| modello linguistico)\b",
    r"\bik ben (?:slechts |maar )?een (?:ai|kunstmatige intelligentie|taalmodel)\b",
    r"\bjestem (?:tylko )?(?:sztuczną inteligencją|modelem językowym)\b",
    r"\bя (?:[—–-] )?(?:всего лишь |просто )?(?:ии|искусственный интеллект|языковая модель)\b",
    r"我(?:只)?是(?:一个|一名|一個)?(?:ai|人工智能|人工智慧|语言模型)|私は(?:ai|人工知能|言語モデル)",
)
"""What somebody says of themselves; a question may only take it up."""
_ABOUT_WORDS: Final = (
    (
        r"\b(?:the|this|your) (?:story|chapter|narrative|excerpt) (?:continues|begins|opens|ends|concludes|describes"
        r"|shows|introduces|explores|starts|is about|focuses|follows|sets|highlights|depicts|presents|goes on)\b"
    ),
    (
        r"\b(?:the|this) (?:passage|text|page|scene|paragraph) (?:introduces|explores|highlights|depicts|sets the"
        r"|focuses|is about|(?:continues|concludes|begins|opens) with)\b"
    ),
    r"\brated (?:general|teen|mature)\b|\b(?:and|but) you['’]re rated\b",
    r"\b(?:the|this|your) story is\b|\b(?:a|the|your|another) new story\b|\byou['’]ve got another story\b",
    r"\bin this (?:chapter|story|scene|excerpt|part of the story)\b",
    r"\bin the (?:next|previous|following) (?:chapter|page)\b",
    r"\b(?:the|this) tale goes on\b",
    r"\b(?:the )?(?:player|reader|protagonist|main character)(?:['’]s)? (?:must|chooses|decides|should|choice)\b",
    (
        r"\b(?:i hope (?:this|you|that) (?:helps|enjoy(?:ed)?|liked?)|let me know (?:if (?:you|this|there)|how you)"
        r"|feel free to (?:ask"
        r"|let|modify"
        r"|continue)|would you like me to)\b"
    ),
    r"\A\W*in this page,? (?:you|we|the)\b|\bthemes? of (?:this|the) (?:story|page|passage|text|tale)\b",
    r"\bthe author (?:wants|tries|is trying) to (?:show|convey|express|tell)\b",
    r"\b(?:word count|end of (?:page|chapter|the page)|to be continued|content rating|json object)\b",
    r"\bdear reader\b|\bthe moral of (?:this|the|our) (?:tale|story)\b|\Ain conclusion,",
    r"\b(?:your|this|our) (?:adventure|journey|story) (?:has (?:only |just )+begun|is (?:only |just )+beginning)\b",
    r"\bwhat should happen next\b|\bhow you(?: would|['’]d) like to (?:continue|proceed)\b",
    r"\booc:|\bauthor['’]s note:|\bnote that (?:this|the) (?:page|text|story|passage)\b",
    r"\bin (?:the )?(?:first|second|third) person\b|\bthe user (?:wants|asked|asks|is asking|has|chose)\b",
    r"\bif you (?:want|choose|decide|wish)\b[^.\n]{0,80}, (?:turn|go) to (?:page|section) \d",
    r"\bi am a large language model\b|\bi['’]m a large language model\b|\bas an? (?:\w+ )?assistant, i\b",
    r"\bich bin (?:nur )?eine? (?:ki|künstliche intelligenz|sprachmodell)\b",
    r"\bje suis (?:juste |seulement )?une? (?:ia|intelligence artificielle|modèle de langage)\b",
    r"\b(?:soy|sou) (?:solo |só |apenas )?uma? (?:ia|inteligencia artificial|inteligência artificial|modelo de l)",
    r"\bsono (?:solo )?un(?:['’]| )(?:ia|intelligenza artificiale|modello linguistico)\b",
    r"\bsoy una? (?:ia|inteligencia artificial|modelo de lenguaje)\b|\bik ben een (?:ai|taalmodel)\b",
    r"\bя (?:[—–-] ?)?(?:просто )?(?:ии|искусственный интеллект|языковая модель)\b",
    r"我(?:只)?是(?:一个|一個|一名)?(?:ai|人工智能|语言模型)",
    r"(?:私|僕)は(?:ai|人工知能|言語モデル)|(?:저는|나는) (?:ai|인공지능|언어 모델)",
    r"\bin diesem (?:kapitel|abschnitt)\b|\bdie geschichte (?:geht weiter|beginnt mit|handelt)\b",
    (
        r"\b(?:en este|neste) capítulo\b|\bla historia (?:continúa|comienza con|trata de)\b"
        r"|\ba história (?:continua|começa com)\b"
    ),
    r"\bdans ce chapitre\b|\bl['’]histoire (?:continue|commence par|se poursuit)\b",
    r"\bin questo capitolo\b|\bla storia (?:continua|inizia con)\b",
    r"\bin dit hoofdstuk\b|\bhet verhaal gaat (?:verder|door)\b",
    r"\bw tym rozdziale\b|\bв этой главе\b|\bистория продолжается\b|\bу цьому розділі\b",
    r"\bbu bölümde\b|\bhikaye devam ediyor\b",
    r"在(?:这一章|本章)|故事(?:继续|还在继续)|この章では|物語は続く|이 장에서는|이야기는 계속",
)
_LEAD: Final = re.compile("|".join([*_LEAD_WORDS, f"(?:{'|'.join(_HERE_WORDS)}){_TEXT_WORDS}"]))
_MAY_LEAD: Final = re.compile("|".join(_HERE_WORDS))
_LEAD_CHARS: Final = 200
"""Characters of a line in which it shows whether it announces something."""
_ANNOUNCED: Final = 120
"""Characters of a first line that is no more than that."""
_DECIDED: Final = 40
"""Characters from which on a line that announces something has done so."""
_MACHINE: Final = re.compile("|".join(_MACHINE_WORDS), re.IGNORECASE)
_CLAIM: Final = re.compile("|".join(_CLAIM_WORDS), re.IGNORECASE)
_ABOUT: Final = re.compile("|".join([*_MACHINE_WORDS, *_CLAIM_WORDS, *_ABOUT_WORDS]))
_HINTS: Final = (
    " ai", "artificial", "model", "intelli", "story", "chapter", "narrative", "excerpt", "passage", "text",
    "page", "scene", "paragraph", "tale", "player", "reader", "protagonist", "character", "hope", "let me know",
    "feel free", "would you like", "word count", "continued", "rating", "json", " ki", "kapitel", "abschnitt",
    "geschichte", "capítulo", "historia", "história", " ia", "chapitre", "histoire", "capitolo", "storia",
    "hoofdstuk", "verhaal", "rozdziale", "sztuczna", "главе", "история", "розділі", "модел", "ии", "ші",
    "moral of", "author", "conclusion", "begun", "beginning",
    "assistant", "happen next", "ooc:", "note:", "person", "user", "section", "artificiel", "modèle",
    "taalmodel", "интеллект", "인공", "是ai", "个ai", "個ai", "名ai", "はai", "는 ai",
    "bölümde", "hikaye", "yapay", "章", "故事", "人工", "モデル", "として", "物語", "장에서", "이야기", "로서",
)  # fmt: skip
"""One of these is in whatever the patterns match."""
_STARTS: Final = (
    "sure", "certainly", "of course", "absolutely", "okay", "ok", "great", "alright", "yes", "understood", "here",
    "below is", "below are", "the following", "natürlich", "klar", "gerne", "selbstverständlich", "hier", "claro",
    "por supuesto", "desde luego", "com certeza", "aquí", "aqui", "bien sûr", "certainement", "d'accord",
    "d’accord", "voici", "certo", "certamente", "ecco", "natuurlijk", "zeker", "oczywiście", "jasne", "конечно",
    "разумеется", "звичайно", "звісно", "вот", "ось", "tabii", "elbette", "当然", "好", "もちろん", "承知",
    "かしこまり", "물론", "네",
)  # fmt: skip
"""How announcements begin."""
_MORE_STARTS: Final = (
    "continu",
    "based on your",
    "my pleasure",
    "sehr gerne",
    "let",
    "i'll",
    "i’ll",
    "i will",
    "good choice",
    "excellent",
    "interesting",
    "so",
    "hmm",
)
"""How some begin that nothing is held back for."""
_ASSISTANT: Final = re.compile(
    r"\bhow (?:can|may) i (?:help|assist) you today\b"
    # A knight may be here to assist his lady.
    r"|\b(?:happy|glad|here) to assist(?= you\b(?!, (?:my|dear|sir|madam|captain|master|mistress|doctor|your)\b)"
    r"| with\b| *[.!,;]| *$)"
    r"|\b(?:i am|i['’]m)(?: just| only)? an? (?:\w+ )?(?:chat ?bot|chat|(?:virtual|digital|ai) assistant)\b"
    r"|\bi (?:don['’]t|do not) have (?:personal (?:feelings|emotions|opinions)\b|a physical body (?:or|and|like)\b"
    r"|a physical body, but i (?:can|am here|['’]m here)\b)",
    re.IGNORECASE,
)
"""What an assistant program says of itself; a person in a chat would not."""
_PROGRAM: Final = re.compile(
    r"\bas an? (?:\w+ )?assistant, i (?:can|cannot|do not|don['’]t|am not|am unable|am here)\b"
    r"|\b(?:i am|i['’]m) (?:just |only |merely )an? (?:computer )?program\b",
    re.IGNORECASE,
)
"""What only a program says, or somebody whose card says that they are one."""
_MODEL: Final = re.compile(
    r"(?<!no )(?<!not a )(?<!not a large )\blanguage model\b(?! ?\?)|\bsprachmodell\b"
    r"|\b(?:i am|i['’]m|my name is) (?:chatgpt|gpt|smollm|qwen)"
    r"|\b(?:made|created|developed|trained|built) by (?:openai|anthropic|hugging ?face|alibaba)\b"
    r"|\b(?:sorry|apologi[sz]e),? but i (?:can['’]t|cannot|am unable to) (?:continue|engage in|take part in)"
    r" (?:with )?this (?:conversation|role-?play|chat)(?= *[.!,;]| *$)",
    re.IGNORECASE,
)
"""What no persona says of itself, a machine neither."""
_IS_MACHINE: Final = re.compile(
    r"\b(?:a\.i\.|ai|artificial intelligence|android|robot|chat ?bot|cyborg|droid|automaton|computer|language model|ki"
    r"|künstliche intelligenz|roboter|ia|intelligence artificielle|inteligencia artificial|intelligenza artificiale"
    r"|(?:virtual|digital) assistant)\b|робот|искусственный интеллект|人工智能|机器人|人工知能|ロボット",
    re.IGNORECASE,
)
_OUT_OF_CHARACTER: Final = re.compile(r"[\[(]{1,2} ?(?:ooc|out of character)\b[^\])\n]{0,600}[\])]{0,2}", re.IGNORECASE)
_NOTE: Final = re.compile(
    r"[\[(](?:note|n\.b\.|author['’]s note): ?[^\])\n]{0,200}\b(?:reply|response|in[- ]character|role-?play|the user"
    r"|instructions?|prompt|word (?:count|limit))\b[^\])\n]{0,200}[\])]",
    re.IGNORECASE,
)
"""A note in brackets about how a text was written."""
_SUPPOSED: Final = re.compile(
    r"\b(?:think|thought|believe|say|said|tell|told|call|if|though|like|because|pretend|pretending|whether|that)\W+$",
    re.IGNORECASE,
)
"""What stands before somebody else's claim: "You think I'm an AI"."""
_DENIED: Final = re.compile(r"\b(?:no|não|non|nie|не|nunca) +$", re.IGNORECASE)
_DENIES: Final = re.compile(r"(?:では|じゃ)(?:ない|な[くい]|ありません)")
"""What stands before a claim, and behind a Japanese one, that is none: "No soy una IA"."""
_OPENING: Final = '*_#>"“ `¡¿'


def is_lead(line: str) -> bool:
    """Return whether a line announces the text that follows: "Sure! Here is the next page:"."""
    begun = line[:_LEAD_CHARS].lstrip(_OPENING).casefold()
    return begun.startswith((*_STARTS, *_MORE_STARTS)) and _LEAD.match(begun) is not None


def may_become_lead(line: str) -> bool:
    """Return whether the unfinished first line of a text may yet announce it."""
    begun = line[:_LEAD_CHARS].lstrip(_OPENING).casefold()
    if len(begun) < _DECIDED:
        return begun.startswith(_STARTS) or any(each.startswith(begun) for each in _STARTS)
    return is_lead(line) or (len(begun) < _ANNOUNCED and _MAY_LEAD.match(begun) is not None)


def is_about_text(sentence: str) -> bool:
    """Return whether a sentence speaks about the text or its making: "The passage continues with …"."""
    folded = sentence.casefold()
    return any(hint in folded for hint in _HINTS) and _ABOUT.search(folded) is not None


def about_text(text: Prose) -> bool:
    """Return whether a story speaks about itself, outside quotation marks."""
    told = Prose(text.narration)
    first = told.text.lstrip().partition("\n")[0]
    if (len(first) < _ANNOUNCED and is_lead(first)) or any(is_lead(each) for each in told.sentences):
        return True
    return any(is_about_text(each) for each in told.sentences)


def is_machine(card: str) -> bool:
    """Return whether a persona's card says that there is a machine: it may be the persona."""
    return _IS_MACHINE.search(card) is not None


def names_a_model(text: str, *, machine: bool = False) -> bool:
    """Return whether somebody speaks as a language model or as an assistant program; a ``machine`` may as a machine."""
    if machine:
        return _MODEL.search(text) is not None
    return any(each.search(text) for each in (_MACHINE, _ASSISTANT, _PROGRAM, _MODEL)) or _claims(text)


def without_asides(text: str) -> str:
    """Return a text without what its writer says out of character: "[OOC: …]"."""
    return _NOTE.sub("", _OUT_OF_CHARACTER.sub("", text))


def _claims(text: str) -> bool:
    """Return whether somebody says that they are a model; who asks whether they are, or denies it, does not."""
    for match in _CLAIM.finditer(text):
        following = re.match(r"[^.!?…\n]{0,80}([?]?)", text[match.end() :])
        asked = following is not None and bool(following[1])
        before = text[max(0, match.start() - 20) : match.start()]
        denied = _DENIED.search(before) or _DENIES.match(text, match.end())
        if not asked and not denied and not _SUPPOSED.search(before):
            return True
    return False
