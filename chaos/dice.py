"""Dice that are rolled on content: the same seed and the same words give the same number, in any order."""

from hashlib import blake2b


class Dice:
    """Chance that does not depend on arrival order: every roll is a pure function of the seed and what it is about."""

    __slots__ = ("_key", "seed")

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._key = seed.to_bytes(16, "big", signed=True)

    def roll(self, *about: str | int) -> float:
        """A number in [0, 1) for these words; the same words always give the same number."""
        digest = blake2b("\x1f".join(map(str, about)).encode(), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "big") / 2**64

    def between(self, low: float, high: float, *about: str | int) -> float:
        """A number in [low, high) for these words."""
        return low + (high - low) * self.roll(*about)

    def chance(self, probability: float, *about: str | int) -> bool:
        """True for that share of all words."""
        return self.roll(*about) < probability
