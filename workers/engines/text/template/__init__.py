"""The template engine: stories and persona replies without a model, from the material in ``prompts/stories``."""

from workers.engines.text.template.engine import TemplateEngine

__all__ = ["TemplateEngine"]
