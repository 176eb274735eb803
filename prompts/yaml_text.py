"""Parsing of the YAML in data files and in the headers of prompts."""

from typing import Any, Final

import yaml

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, which is in most wheels: the loader in Python is ten times as slow, and every process waits for it."""


def parse_yaml(text: str) -> Any:
    """Return the one document of ``text`` as plain values. Raises `yaml.YAMLError`."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - one of the two safe loaders
