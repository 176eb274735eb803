"""Addresses that people name, fetched from the outside world by one guarded fetcher."""
