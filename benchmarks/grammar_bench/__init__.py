"""Parts of `benchmarks.grammar`."""
