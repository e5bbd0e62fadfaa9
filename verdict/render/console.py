"""The terminal as it is written to here: whatever is printed, only our own styles can steer it."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from ...history.printable import printable_lines


class CleanConsole(Console):
    """Everything that is printed comes through ``render`` piece by piece, the cells of a table too; what Rich itself tells
    the terminal is marked as control."""

    def render(self, *args: Any, **options: Any) -> Iterable[Segment]:
        for segment in super().render(*args, **options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable_lines(segment.text), segment.style)
