"""What may be asked of a model: ratings, and the check that refuses sexual content about minors in any writing."""
