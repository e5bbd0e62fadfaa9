"""The scripts of a page: uPlot as its authors ship it, and ours; a policy in the page lets these run and no others."""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup

HERE = Path(__file__).parent
UPLOT = HERE / "uplot"
"""https://github.com/leeoniya/uPlot, 1.6.32: the two files of its ``dist`` and its licence (MIT), unchanged."""


@dataclass(frozen=True, slots=True)
class Script:
    """What stands between the tags of one script, exactly."""

    text: Markup

    @property
    def allowed(self) -> str:
        """How a Content-Security-Policy names it."""
        return f"'sha256-{b64encode(sha256(self.text.encode()).digest()).decode()}'"


def scripts() -> tuple[Script, ...]:
    """In the order in which the page runs them."""
    library = f"/*\n{_read(UPLOT / 'LICENSE').strip()}\n*/\n{_read(UPLOT / 'uPlot.iife.min.js')}"
    return Script(Markup(library)), Script(Markup(_read(HERE / "templates" / "report.js")))


def style() -> Markup:
    """uPlot's own style sheet."""
    return Markup(_read(UPLOT / "uPlot.min.css"))


def _read(path: Path) -> str:
    """A file of ours as it is; newlines as a browser counts them."""
    return path.read_text("utf-8").replace("\r\n", "\n")
