"""How far a run is, and what happens to a standing estate."""

import time
from typing import TYPE_CHECKING, Any, Self

from rich.markup import escape

from .console import err, say

if TYPE_CHECKING:
    from ..scenarios.runner import Progress

PLAIN_PROGRESS_S = 5.0
RATE_OVER_S = 5.0


class Watched:
    """What happens to a standing estate: a line for each fault that comes or goes, and for the end."""

    def __init__(self) -> None:
        self._active: list[str] = []
        self._interrupted = False

    def __call__(self, progress: "Progress") -> None:
        at = f"{progress.elapsed_s:5.0f} s  "
        for name in progress.faults:
            if name not in self._active:
                err.print(f"{at}[bold red]●[/] {escape(name)} acts", soft_wrap=True)
        for name in self._active:
            if name not in progress.faults:
                err.print(f"{at}[green]✓[/] {escape(name)} is healed", soft_wrap=True)
        self._active = progress.faults
        if progress.interrupted and not self._interrupted:
            self._interrupted = True
            say("stopping: faults are healed and what is under way may settle; Ctrl-C again stops at once")


class Shown:
    """A run's progress: a bar on a terminal, else a line every few seconds."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._phase = ""
        self._next_s = 0.0
        self._interrupted = False
        self._lately: list[tuple[float, int]] = []
        """When how many orders had been placed, over the last seconds."""

    def __enter__(self) -> Self:
        if err.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.fields[phase]:<9}"),
                BarColumn(30),
                MofNCompleteColumn(),
                TextColumn("orders"),
                TextColumn("{task.fields[elapsed_s]:4.0f} s "),
                TextColumn("{task.fields[rest]}", markup=False),
                console=err,
                transient=True,
            )
            self._task = self._bar.add_task("run", total=None, phase="start", elapsed_s=0.0, rest="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: "Progress") -> None:
        from ..verdict.render.wording import counted

        if progress.interrupted and not self._interrupted:
            self._interrupted = True
            say("interrupted: faults are healed and what is under way may settle; Ctrl-C again stops at once")
        rest = f"{self._rate(progress)}{progress.pending} pending"
        if progress.faults:
            rest += f"; faults: {', '.join(progress.faults)}"
        if self._bar is not None:
            self._bar.update(
                self._task,
                completed=progress.orders_placed,
                total=progress.orders_total,
                phase=progress.phase,
                elapsed_s=progress.elapsed_s,
                rest=rest,
            )
            return
        now_s = time.monotonic()
        if now_s >= self._next_s or progress.phase != self._phase:
            self._next_s, self._phase = now_s + PLAIN_PROGRESS_S, progress.phase
            orders = f"{progress.orders_placed} of {counted(progress.orders_total, 'order')}"
            err.print(
                f"{progress.elapsed_s:5.0f} s  {progress.phase}: {orders}, {rest}",
                markup=False,
                soft_wrap=True,
            )

    def _rate(self, progress: "Progress") -> str:
        """Orders a second over the last seconds, while shoppers buy."""
        if progress.phase != "workload":
            self._lately = []
            return ""
        now_s = progress.elapsed_s
        self._lately = [one for one in self._lately if one[0] >= now_s - RATE_OVER_S]
        self._lately.append((now_s, progress.orders_placed))
        since_s, before = self._lately[0]
        return f"{(progress.orders_placed - before) / (now_s - since_s):.1f}/s, " if now_s > since_s else ""
