"""Text for people: light markup, tables, splitting into messages."""
