"""Letters of other scripts that look like Latin ones, all in folded form.

Source: ``confusables.txt`` of Unicode's Technical Standard 39, by way of confusable-homoglyphs 3.3.1: single letters
outside the Latin script whose counterpart is one ASCII letter. `STYLED` comes from the names of Unicode's characters.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final


def _by_character(letters: Mapping[str, str]) -> dict[int, str]:
    return {ord(other): latin for latin, others in letters.items() for other in others}


LIKE_SMALL: Final = _by_character(
    {
        "a": "αа",
        "b": "ьᏏᑲᖯ",
        "c": "σсᏟⲥ𐐽",
        "d": "ԁᏧᑯꓒ",
        "e": "еҽ",
        "f": "ք",
        "g": "ց",
        "h": "һհᏂ",
        "i": "ıιіᎥꙇ𑣃",
        "j": "ϳј",
        "l": "ӏᛁⲓⵏꓲ𐊊𐌉𖼨",
        "n": "ոռ",
        "o": "οоօഠဝჿⲟ𐐬𐓪𑣈𑣗",
        "p": "ρрⲣ",
        "q": "ԛգզ",
        "r": "гᎱᴦⲅ",
        "s": "ѕᏚ𐑈𑣁",
        "u": "υս𐓶𑣘",
        "v": "νѵᏙ𑜆𑣀",
        "w": "ѡԝաᎳ𑜊𑜎𑜏",
        "x": "хᕁᕽ",
        "y": "γуүყ𑣜",
        "z": "Ꮓ𑣄",
    }
)
"""Those like a small letter."""

LIKE_CAPITAL: Final = LIKE_SMALL | _by_character(
    {
        "a": "Ꭺᗅꓮ𐊠𖽀",
        "b": "βвᏴᗷꓐ𐊂𐊡𐌁",
        "c": "ꓚ𐊢𐌂𐔜",
        "d": "Ꭰᗞᗪꓓ",
        "e": "εᎬⴹꓰ𐊆𑣆𑣎",
        "f": "ϝᖴꓝ𐊇𐊥𐔥𑣂",
        "g": "ԍᏀᏳꓖ",
        "h": "ηнᎻᕼⲏꓧ𐋏",
        "j": "Ꭻᒍꓙ",
        "k": "κкᏦᛕⲕꓗ𐔘",
        "l": "Ꮮᒪⳑꓡ𐑃𐔦𑣃𑣒𖼖",
        "m": "μϻмᎷᗰᛖⲙꓟ𐊰𐌑",
        "n": "νⲛꓠ𐔓",
        "o": "ଠዐⵔꓳ𐊒𐊫𐔖𑣕",
        "p": "Ꮲᑭꓑ𐊕",
        "q": "ⵕ",
        "r": "ᎡᏒᖇꓣ𐓜𖼵",
        "s": "տᏕꓢ𐊖𖼺",
        "t": "τтᎢⲧꓔ𐊗𐊱𐌕𑣜𖼊",
        "u": "ሀᑌꓴ𖽂",
        "v": "ᐯⴸꓦꛟ𐔝𖼈",
        "w": "Ꮤꓪ",
        "x": "χᚷⲭⵝꓫ𐊐𐊴𐌗𐔧",
        "y": "υᎩᎽⲩꓬ𐊲𑣄𖽃",
        "z": "ζꓜ𑣉",
    }
)
"""The same, but as their capitals look where that is another letter."""

ORNAMENTAL: Final = LIKE_CAPITAL | _by_character(
    {
        "a": "дλ",
        "b": "бь",
        "e": "зэεξ",
        "h": "н",
        "m": "м",
        "n": "ийпηπ",
        "o": "фθσφ",
        "r": "гя",
        "u": "ц",
        "w": "шщψω",
        "x": "ж",
        "y": "ч",
    }
)
"""Also those of faux Cyrillic and Greek, which are in disguise only among Latin letters."""

AS_CYRILLIC: Final = str.maketrans("aeopcyxikmtbhjus03468", "аеорсухікмтвнјиѕозчбв")
"""Latin letters and digits that look like Cyrillic letters, in a word of Cyrillic ones."""

_STYLES: Final = re.compile(
    r"(?:LATIN (?:LETTER SMALL CAPITAL|SMALL LETTER|CAPITAL LETTER|SUBSCRIPT SMALL LETTER)"
    r"|MODIFIER LETTER (?:SMALL|CAPITAL)|(?:(?:CROSSED )?NEGATIVE )?(?:CIRCLED|SQUARED) LATIN (?:CAPITAL|SMALL) LETTER"
    r"|(?:PARENTHESIZED|TAG) LATIN (?:CAPITAL|SMALL) LETTER|REGIONAL INDICATOR SYMBOL LETTER)"
    r" (?:(?:TURNED|REVERSED|SIDEWAYS|OPEN|DOTLESS|INVERTED|BARRED|LONG|SCRIPT|CLOSED|LONG-LEGGED|TAILLESS) )*([A-Z])"
    r"(?: WITH .*)?"
)
_STYLED_BLOCKS: Final = (
    (0x0110, 0x0180),
    (0x0180, 0x02B0),
    (0x1D00, 0x1DC0),
    (0x2184, 0x2185),
    (0x2460, 0x24EA),
    (0x2C60, 0x2C80),
    (0xA720, 0xA800),
    (0xAB30, 0xAB70),
    (0x1DF00, 0x1DF2B),
    (0x1F110, 0x1F200),
    (0xE0041, 0xE007B),
)


def _styled() -> dict[int, str]:
    found: dict[int, str] = {}
    for first, end in _STYLED_BLOCKS:
        for point in range(first, end):
            if match := _STYLES.fullmatch(unicodedata.name(chr(point), "")):
                found[point] = match[1].lower()
    return found


STYLED: Final = _styled()
"""Small capitals, letters in circles, squares and flags, turned, hooked and invisible ones → plain letters."""
