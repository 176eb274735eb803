"""What `benchmarks.craft` plays, measures and prints."""
