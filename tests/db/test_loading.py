"""Garbage collection rests while a program loads, and only then."""

import gc

import pytest

from db.loading import loading


def test_nothing_is_collected_while_loading_and_again_afterwards() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_also_after_an_error() -> None:
    with pytest.raises(ValueError, match="broken"), loading():
        raise ValueError("broken")
    assert gc.isenabled()
