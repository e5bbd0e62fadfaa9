"""The record of a run: what every caller was told and what really happened, written once and read as tables."""
