"""What `benchmarks.context` compares."""
