"""Faults by hand: the control API of a running estate or run, and what the command line needs to reach it."""
