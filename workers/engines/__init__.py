"""Model engines: pure code that turns a request into text or pictures. No database, no queue, no chat platform."""
