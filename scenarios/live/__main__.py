"""The process of a live view: ``python -m peakproof.scenarios.live RUN``; it ends when its stdin does."""

import sys
from pathlib import Path

from .server import serve

serve(Path(sys.argv[1]))
