"""The `storyfork` command: what the operator types. Imports no chat library until a bot is started."""
