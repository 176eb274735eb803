"""Reading files that come from outside: whatever a decoder does with one, it costs a bounded time and memory.

No decoder runs on a file of a person or of another server in a worker's own process. `pictures.clean_picture` and
`documents.document_text` are the only ways: they hand the file to a disposable child process (`program`,
`document_program`) with limits on CPU time and memory, which is killed when it exceeds them and when its caller is
cancelled.
"""
