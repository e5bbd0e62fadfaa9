"""What the user wants judged besides what always is."""

from pathlib import Path
from typing import NamedTuple


class Wishes(NamedTuple):
    """What the user wants judged besides, of the command line and of peakproof.toml."""

    invariants: list[str]
    objectives: list[str]

    @property
    def recorded(self) -> dict[str, list[str]]:
        """What run.json says of it; ``judge_config.wishes_of`` reads it."""
        return {
            "invariants": [str(Path(name).resolve()) for name in self.invariants],
            "objectives": list(self.objectives),
        }
