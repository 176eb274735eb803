"""Models from the Hugging Face Hub for the operator: presets, and their download."""
