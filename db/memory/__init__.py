"""Memory: what a story or a chat keeps of its past when that is longer than a model reads.

Everything belongs to one `MemoryRecord`: that of a story, or of a persona in a conversation since the last reset. It
hangs on the page or message that it comes from, and goes with it; an edit marks what stands behind it (triggers of the
migrations, so that nobody who changes a text can forget it).

``memories`` has the memories and what is to be done for them, ``summaries`` the past by levels, ``facts`` what was
learnt, ``tracked`` the questions that are answered anew, ``pins`` what every prompt holds, ``plots`` a story's threads,
``short_forms`` shorter forms of texts that every prompt holds;
``told`` reads all of that at once for a prompt.

The archive holds what was said, written and uploaded in chunks: ``scopes`` says whose, ``chunks`` stores, ``indexing``
brings messages and pages in, ``archive`` documents, ``vectors`` adds meaning, and ``search`` finds.
"""
