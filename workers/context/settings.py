"""Settings of contexts: what share of a model's window each layer has, and how the past is kept."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from workers.context.elements import Layer

_PARTS = "Parts of the window, of the sum of all five"


class ContextSettings(BaseSettings):
    """How the window of the model that answers is divided, less its answer and a buffer."""

    model_config = SettingsConfigDict(
        env_prefix="STORYFORK_CONTEXT_",
        env_file=".env",
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    story_system: int = Field(default=2, ge=0, description=f"Stories: the rules for the model. {_PARTS}.")
    story_persona: int = Field(default=1, ge=0, description="Stories: lore of the world.")
    story_recent: int = Field(default=13, ge=1, description="Stories: the last pages, word by word.")
    story_scene: int = Field(default=5, ge=0, description="Stories: characters, where and how they are.")
    story_memory: int = Field(default=9, ge=1, description="Stories: plot, summaries of earlier pages, memories.")
    chat_system: int = Field(default=1, ge=0, description=f"Chat with a persona: the rules for the model. {_PARTS}.")
    chat_persona: int = Field(default=7, ge=0, description="Chat: the persona's card and lore.")
    chat_recent: int = Field(default=14, ge=1, description="Chat: the last messages, word by word.")
    chat_scene: int = Field(default=1, ge=0, description="Chat: others who are there, and the scene.")
    chat_memory: int = Field(default=7, ge=1, description="Chat: summaries of earlier messages, facts, memories.")

    lore: float = Field(
        default=0.1, gt=0, le=0.5, description="Share of the window that entries of lorebooks take at most."
    )
    max_tokens: int = Field(
        default=32_768,
        ge=0,
        description="Tokens of a model's window that are used at most, prompt and answer together; 0 uses all of it. "
        "A longer prompt is slower and, with a hosted model, dearer.",
    )
    buffer: float = Field(default=0.02, ge=0, le=0.25, description="Share of the window that stays free.")
    distil_at: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Share of its room from which on a layer's texts are replaced by shorter ones.",
    )
    verbatim: int = Field(
        default=5, ge=1, le=50, description="Messages or pages that are always there word by word, the newest."
    )
    step: float = Field(
        default=0.7,
        gt=0,
        le=0.8,
        description="Share of the recent text that becomes summaries at a time, about. Larger: the beginning of the "
        "prompt changes less often, so a model reads less of it again; smaller: more is there word by word.",
    )
    recall_ms: int = Field(
        default=100,
        ge=0,
        le=60_000,
        description="Milliseconds that looking things up in the archive may take before an answer goes on without; 0: "
        "nothing is looked up.",
    )
    pause_hours: float = Field(
        default=12,
        ge=0,
        le=100_000,
        description="Chat: from so many hours of silence on, a persona is told how long it was, before what is said "
        "next; 0: never.",
    )
    summary_tokens: int = Field(default=160, ge=24, le=2000, description="Tokens of one summary of earlier text.")

    def parts(self, chat: bool) -> dict[Layer, int]:
        """Return the parts of the layers."""
        if chat:
            return {
                "A": self.chat_system, "B": self.chat_persona, "C": self.chat_recent, "D": self.chat_scene,
                "E": self.chat_memory,
            }  # fmt: skip
        return {
            "A": self.story_system, "B": self.story_persona, "C": self.story_recent, "D": self.story_scene,
            "E": self.story_memory,
        }  # fmt: skip
