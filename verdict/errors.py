"""Our own errors when judging; each says which file, what was found and what was expected.

VerdictError
├── HeaderError     a query's header lacks a key or has an unknown value
└── ObjectiveError  an objective that cannot be read
"""


class VerdictError(Exception):
    """Something that whoever started the judging can put right."""


class HeaderError(VerdictError):
    """A query's header lacks a key or has an unknown value."""


class ObjectiveError(VerdictError):
    """An objective that cannot be read, or names no key figure."""
