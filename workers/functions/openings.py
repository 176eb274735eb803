"""The first words of an answer, which its prompt gives: the model goes on behind them."""


def with_opening(opening: str, rest: str) -> str:
    """Return an answer whose ``opening`` was given and of which a model has written the ``rest``.

    A server that does not go on behind the last message begins anew: with the same words, or with others.
    """
    begins = rest.lstrip()
    if not opening or not begins:
        return opening or rest
    if begins.casefold().startswith(opening.casefold()) or (begins == rest and begins[0].isupper()):
        return begins
    return opening + rest
