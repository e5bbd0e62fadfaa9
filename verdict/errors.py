"""Our own errors when judging; each says which file, what was found and what was expected.

VerdictError
├── HeaderError     a query's header lacks a key or has an unknown value
└── ObjectiveError  an objective that cannot be read
"""

HOW_TO_ASK = "name them with --config or --invariants, or say --trust"
"""How a stored run's own invariants are asked after all."""


class VerdictError(Exception):
    """Something that whoever started the judging can put right."""


class HeaderError(VerdictError):
    """A query's header lacks a key or has an unknown value."""


class ObjectiveError(VerdictError):
    """An objective that cannot be read, or names no key figure."""
