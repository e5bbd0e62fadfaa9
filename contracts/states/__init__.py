"""The provider states: one file a kind of system, found by its place."""
