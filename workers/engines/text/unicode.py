"""Text that any encoder accepts."""


def well_formed(text: str) -> str:
    """Replace lone surrogates, which have no UTF-8 form, with question marks."""
    return text.encode("utf-8", "replace").decode()
