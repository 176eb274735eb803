"""The `storyfork` command: the operator's command line. Imports no chat library until a bot is started."""
