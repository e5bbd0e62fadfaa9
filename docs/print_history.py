"""Prints docs/history.md: ``python docs/print_history.py > docs/history.md``."""

import sys

from peakproof.history.document import markdown
from peakproof.simulators.registry import KINDS

if __name__ == "__main__":
    sys.stdout.write(markdown({name: kind.effects for name, kind in KINDS.items()}))
