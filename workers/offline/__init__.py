"""Writing without a model: stories, persona replies and picture prompts from the material in ``prompts``.

Pure: no database, no engines. The AI functions call it (`workers.functions.base.AiFunction.offline`). English only.
"""

from typing import Final

NAME: Final = "template"
"""The offline writer's name in the settings and in the task log."""
MODEL: Final = "story-grammar-1"
"""The version of its grammar, in the task log."""
