"""Who may be a worker of a run: every refusal is one line, which both sides say."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from secrets import token_hex

from .job import Creed
from .wire import Challenge, Hello

NONCE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Member:
    """One worker that has shown that it belongs here."""

    index: int
    """From 0."""
    hello: Hello

    @property
    def name(self) -> str:
        return f"worker {self.index + 1} ({self.hello.name})"


class Refused(Exception):
    """One line about why a worker is not taken."""


@dataclass(slots=True)
class Muster:
    """The workers that a master waits for, and those that have come. Nodes are named by their connection."""

    creed: Creed
    token: str = field(repr=False)
    wanted: int
    is_closed: bool = False
    """The run is under way: nobody else is taken."""
    members: dict[str, Member] = field(default_factory=dict)
    _asked: dict[str, tuple[Hello, Challenge]] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return len(self.members) == self.wanted

    def hear(self, node: str, hello: Hello) -> Challenge:
        """A worker says hello. Refused."""
        for line in self._differences(hello.creed):
            raise Refused(line)
        nonce = token_hex(NONCE_BYTES)
        challenge = Challenge(nonce, proof(self.token, "master", hello.nonce, nonce))
        self._asked[node] = hello, challenge
        return challenge

    def admit(self, node: str, shown: str) -> Member:
        """It shows that it has the token. Refused."""
        hello, challenge = self._asked.get(node, (None, None))
        if hello is None or challenge is None:
            raise Refused("it never said hello")
        expected = proof(self.token, "worker", hello.nonce, challenge.nonce)
        if not hmac.compare_digest(shown.encode(), expected.encode()):
            raise Refused("it has another token; give both sides the same PEAKPROOF_LOAD_TOKEN")
        if node in self.members:
            raise Refused("it is here already")
        if self.is_closed:
            raise Refused("the run is already under way")
        if self.is_complete:
            raise Refused(
                f"all {self.wanted} workers are there already; say --workers {self.wanted + 1} at the master"
            )
        member = self.members[node] = Member(len(self.members), hello)
        return member

    def name(self, node: str) -> str | None:
        """What a worker that is not taken yet said that it is."""
        hello, _ = self._asked.get(node, (None, None))
        return hello.name if hello is not None else None

    def _differences(self, theirs: Creed) -> Iterator[str]:
        ours = self.creed
        if theirs.version != ours.version:
            yield (
                f"it is peakproof {theirs.version} and the master {ours.version}; "
                "have the same version on both machines"
            )
        if theirs.profile != ours.profile:
            yield f"it was started for the profile {theirs.profile!r} and this run is {ours.profile!r}"
        if theirs.seed != ours.seed:
            yield f"it was started with --seed {theirs.seed} and this run has {ours.seed}; give both the same"


def proof(token: str, who: str, worker_nonce: str, master_nonce: str) -> str:
    """Shows that one has the token without saying it; each side's is of no use to the other."""
    return hmac.new(token.encode(), f"{who} {worker_nonce} {master_nonce}".encode(), "sha256").hexdigest()
