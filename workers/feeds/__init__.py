"""Feeds: RSS and Atom, read into what personas know."""
