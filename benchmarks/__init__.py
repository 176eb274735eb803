"""Benchmarks: each is a program that starts what it needs."""
