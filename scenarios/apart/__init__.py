"""Each system of an estate in a process of its own, on this machine or on others, and what they say to each other."""
