"""What can be wrong with what the user gives this room; each text is one line for the user."""

from ..scenarios.errors import UsageError


class ContractsError(UsageError):
    """A contract, an API document or a choice of them that cannot be used."""
