"""Judging a finished run: invariants, key figures, whether the run earned a verdict, and how it is shown."""
