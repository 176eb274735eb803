"""Texts to vectors: the engines that embed."""
