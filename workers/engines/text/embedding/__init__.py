"""Texts to vectors: the engines that embed. `build_embedding_engine` in ``build`` picks the one that is configured."""
