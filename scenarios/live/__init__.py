"""The live view of a run: a page on a loopback port, served by a process of its own, so that the estate never waits for it."""
