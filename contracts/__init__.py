"""Contracts: what consumers and systems expect of each other, what changed, and whom that breaks."""
