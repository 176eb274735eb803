"""What a model may be asked for: ratings, and the check that refuses sexual content about minors in any script."""
