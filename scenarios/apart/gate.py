"""The gate of a system in another process: what is armed and healed here is armed and healed there."""

from collections.abc import Callable
from dataclasses import dataclass

from ...chaos.injection import Trigger
from .injections import told
from .wire import Arm, Heal, Said


@dataclass(frozen=True, slots=True)
class ThrottleApart:
    """What is known of a throttle in another process."""

    factor: float


class GateApart:
    """As ``chaos.schedule.Place``; how often an injection fired is known a moment later than it does."""

    counts_alone = True

    def __init__(self, tell: Callable[[Said], None], *, has_throttle: bool) -> None:
        self._tell = tell
        self._triggers: dict[str, Trigger] = {}
        self._fired: dict[str, int] = {}
        self.unsure: set[str] = set()
        """Injections that are healed here, and whose last word is still to come."""
        self.throttle = ThrottleApart(1.0) if has_throttle else None
        self.errors: list[str] = []

    def arm(self, trigger: Trigger) -> None:
        self._triggers[trigger.injection.id] = trigger
        self._tell(Arm(told(trigger.injection), trigger.rank, trigger.seed))

    def heal(self, trigger: Trigger) -> None:
        self.unsure.add(trigger.injection.id)
        self._tell(Heal(trigger.injection.id))

    def fired(self, injection: str, times: int) -> None:
        """It has fired there so often, in all."""
        trigger = self._triggers.get(injection)
        if trigger is not None:
            trigger.fired += times - self._fired.get(injection, 0)
            self._fired[injection] = times

    def has_fired(self, injection: str) -> bool:
        """As far as is known."""
        return self._fired.get(injection, 0) > 0

    def throttled(self, factor: float | None) -> None:
        """So much is left of the normal rate there."""
        if factor is not None and self.throttle is not None and self.throttle.factor != factor:
            self.throttle = ThrottleApart(factor)
