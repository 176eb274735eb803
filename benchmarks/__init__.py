"""Benchmarks: each is a program that starts everything it needs."""
