"""The commands of ``python -m workers``, a module each: what one of them needs, the others do not wait for."""
