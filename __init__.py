"""peakproof: a realistic retail estate around your middleware, a peak season full of faults, and a verdict."""

__version__ = "0.1.0"
