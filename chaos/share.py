"""One throttle for several systems, e.g. the account behind an ERP and a WMS of the same vendor."""

from dataclasses import replace

from .fault import Call, Decision, Figures, Throttle


class Shared:
    """A throttle that several gates ask. To it their systems are one system, and their callers one client, by the share's
    name: whoever has an account at a vendor is the same customer at each of its systems.
    """

    def __init__(self, name: str, throttle: Throttle) -> None:
        self.name = name
        self.throttle = throttle
        self._parts: list[Part] = []

    def part(self) -> "Part":
        """What one system's gate holds of it."""
        self._parts.append(Part(self))
        return self._parts[-1]

    def settle(self) -> None:
        """A cut at one system is felt by all, for the pool is theirs together; of several the deepest counts."""
        self.throttle.factor = min(part.factor for part in self._parts)


class Part:
    """A shared throttle, as one system's gate sees it."""

    __slots__ = ("_factor", "_shared")

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._factor = 1.0

    @property
    def factor(self) -> float:
        return self._factor

    @factor.setter
    def factor(self, factor: float) -> None:
        self._factor = factor
        self._shared.settle()

    @property
    def waits(self) -> bool:
        return self._shared.throttle.waits

    def admit(self, call: Call, now_ns: int) -> Decision:
        return self._shared.throttle.admit(self._of_all(call), now_ns)

    def figures(self, call: Call, now_ns: int) -> Figures:
        return self._shared.throttle.figures(self._of_all(call), now_ns)

    def _of_all(self, call: Call) -> Call:
        return replace(call, system=self._shared.name, client=self._shared.name)
