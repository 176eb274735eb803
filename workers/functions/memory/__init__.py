"""The AI functions of memory: they shorten the past, and write down what must not be lost with it."""
