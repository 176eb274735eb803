"""The text engine's benchmark: models, scenarios, contenders and measurements."""
