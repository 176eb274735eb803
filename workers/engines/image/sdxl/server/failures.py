"""Why a picture is not drawn, in words for the caller."""


class Refused(Exception):
    """The request can never be served: it asks for something missing or too large."""


class Overloaded(Exception):
    """The request cannot be served now."""
