"""Commands: one file per topic. How to add one: docs/contributing.md."""
