"""Contents of outbox rows: a kind and ids, one file per topic. The bot composes the message from them when it sends."""
