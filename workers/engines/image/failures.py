"""Why a model of pictures is not there."""


class Unloadable(Exception):
    """The model cannot be loaded."""
