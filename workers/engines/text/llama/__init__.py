"""GGUF models run by llama.cpp: a client on the worker's side, and under ``server`` the process that holds a model."""
