"""Why a picture is not drawn, in words for the caller."""


class Refused(Exception):
    """The request cannot be served, now or later: what it asks for is not there or too much."""


class Overloaded(Exception):
    """The request cannot be served now."""


class Unloadable(Exception):
    """The model cannot be loaded."""
