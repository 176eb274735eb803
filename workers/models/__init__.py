"""Models from the Hugging Face Hub for whoever runs the service: presets, and their download."""
