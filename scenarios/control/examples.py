"""One example of each fault, as it is typed: from its own words, or made of its name, seam and settings."""

import re
import shlex

from ...chaos.registry import FAULTS, Entry

SYSTEM = "erp"
"""Where most faults hurt most."""
HOW_LONG = {"delivery": "--rate 0.2 --for 60s", "document": "--rate 0.2 --for 60s"}
WRITTEN = re.compile(r"^\s*Example: +(?:``)?(peakproof chaos inject .*?)(?:``)?$", re.MULTILINE)


def example(entry: Entry) -> str:
    """A whole command. The docstring of a fault may hold its own: ``Example: peakproof chaos inject …``."""
    written = WRITTEN.search(FAULTS.documentation(entry.name))
    if written is not None:
        return written[1]
    parts = ["peakproof chaos inject", SYSTEM, entry.name, HOW_LONG.get(entry.seam or "", "--for 60s")]
    if entry.settings and entry.settings[0].default is not None:
        setting = entry.settings[0]
        parts.append(f"--set {setting.name}={shlex.quote(_typed(setting.default))}")
    return " ".join(parts)


def _typed(value: object) -> str:
    """As one would type it: 5 for 5.0, true for True."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
