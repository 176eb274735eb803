"""The model process. Only modules in this package import llama_cpp."""
