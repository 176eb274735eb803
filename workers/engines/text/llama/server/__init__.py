"""The model process. Only what is in here imports llama_cpp."""
