"""Character cards and lorebooks as other programs write them: Character Card V2 and V3, SillyTavern's world info.

What is read here comes from outside: it runs in a disposable child process (`workers.decoding.document_program`).
"""
