"""Benchmarks: each figure beside its yardstick from the same run."""
