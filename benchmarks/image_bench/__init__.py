"""Parts of `benchmarks.images`."""
