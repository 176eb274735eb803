"""The product's topics, made once for a test process: making them costs more than most tests that need them."""

from functools import cache

from bot.topics import Topics, load_topics


@cache
def product_topics() -> Topics:
    """The topics of the product, for whoever adds none: a test that does takes `bot.topics.load_topics`."""
    return load_topics()
