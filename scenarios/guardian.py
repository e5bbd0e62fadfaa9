"""Ends the system under test when peakproof itself is gone, killed without a chance to do so.

``python -m peakproof.scenarios.guardian MARK``: reads its standard input, which nobody writes to but at a proper end. When it
closes without a word, peakproof is gone.
"""

import signal
import sys

from .process_tree import ProcessTree

GRACE_S = 2.0
RELEASED = b"over\n"


def main() -> int:
    """Returns when it is released, or has ended the tree."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a Ctrl-C at the terminal is peakproof's to handle
    if sys.stdin.buffer.readline() != RELEASED:
        ProcessTree(sys.argv[1]).end(GRACE_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
