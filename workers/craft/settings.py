"""Settings of the gate between model and reader: what is too short, too often, too alike."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CraftSettings(BaseSettings):
    """Thresholds of the checks that every page, list of choices and reply passes before people read it."""

    model_config = SettingsConfigDict(
        env_prefix="STORYFORK_CRAFT_",
        env_file=".env",
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    enabled: bool = Field(
        default=True, description="Whether what models write is examined at all before people read it."
    )
    page_chars: int = Field(
        default=350,
        ge=1,
        le=4000,
        description="Characters of a page at least. In scripts that need fewer for the same, such as Chinese, one "
        "counts for two and a half.",
    )
    ending_chars: int = Field(
        default=200, ge=1, le=4000, description="Characters of a page that ends its story at least."
    )
    choice_min_chars: int = Field(default=8, ge=2, le=60, description="Characters of a choice at least.")
    choice_max_chars: int = Field(default=120, ge=20, le=160, description="Characters of a choice at most.")
    choice_alike: float = Field(
        default=0.7, gt=0, le=1, description="Share of common words from which on two choices are the same choice."
    )
    choice_rooted: float = Field(
        default=0.3, ge=0, le=1, description="Share of the choices that must name something of the page."
    )
    reply_chars: int = Field(
        default=2400, ge=100, le=6000, description="Characters of a persona's reply at most; the rest is cut off."
    )
    reply_openings: int = Field(
        default=3, ge=0, le=20, description="Last replies whose first words a reply must not begin with again."
    )
    sheet_chars: int = Field(
        default=60, ge=1, le=900, description="Characters of a persona's description at least, where a model writes it."
    )
    echo_run: int = Field(
        default=8,
        ge=5,
        le=40,
        description="Words in a row that are the instructions' own from which on a text echoes them.",
    )
    echo_premise: float = Field(
        default=0.3, gt=0, le=1, description="Share of a text's word groups that may come from its premise or card."
    )
    echo_earlier: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="Share of a text's word groups that may come from earlier pages or replies.",
    )
    echo_words: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Share of a text's different words that may be those of one earlier page or reply.",
    )
    loop_distinct: float = Field(
        default=0.88, ge=0, le=1, description="Share of a text's groups of three words that must differ."
    )
    loop_sentences: int = Field(
        default=3, ge=2, le=20, description="How often the same sentence makes a text one that repeats itself."
    )
    loop_openings: int = Field(
        default=4,
        ge=3,
        le=50,
        description="Sentences that begin with the same three words from which on a text repeats itself; of a "
        "long one, a fifth.",
    )
    loop_phrases: int = Field(
        default=4,
        ge=2,
        le=100,
        description="How often the same three words may come in a page or reply; in longer texts more often.",
    )
    language_words: int = Field(
        default=8, ge=3, le=100, description="Common words of another language that a text must have to be in it."
    )
