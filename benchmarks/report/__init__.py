"""From results files to one page: ``python -m benchmarks.report benchmarks/results/*.json``."""
