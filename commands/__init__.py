"""Each command of ``peakproof`` in a file of its own, and what they share."""
