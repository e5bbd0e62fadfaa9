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
        value = str(setting.default).lower() if isinstance(setting.default, bool) else str(setting.default)
        parts.append(f"--set {setting.name}={shlex.quote(value)}")
    return " ".join(parts)
