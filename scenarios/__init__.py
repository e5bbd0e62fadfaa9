"""A run from end to end: the scenario as a value, the system under test as a process, and the phases between."""
