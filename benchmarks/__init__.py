"""Benchmarks that print their figures: ``scripts/bench NAME``. Ratios are measured in one run."""
