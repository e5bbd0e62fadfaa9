"""What can be wrong with a stored record."""


class RecordError(ValueError):
    """No query can reckon with it; one line."""
