"""The system's throttle allows only a part of its normal rate."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import ChaosError


@dataclass(frozen=True, slots=True)
class ThrottleCut:
    """A vendor that protects itself at the peak: rate and burst times ``factor``, refusals correct as ever."""

    seam: ClassVar[Literal["throttle"]] = "throttle"

    factor: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise ChaosError(f"factor must be above 0 and below 1, got {self.factor}")
