"""So many calls at the same time; some more may queue for a place, the rest is refused, and nobody can say how long."""

from asyncio import Future, get_running_loop
from collections import defaultdict, deque
from dataclasses import dataclass, field
from functools import partial

from ..checks import at_least
from ..fault import Call, Decision, Figures
from ..meter import cut
from ..problem import throttled
from ..scope import Scope, bucket_of, checked


@dataclass(slots=True)
class ConcurrencyPool:
    """A call holds its place until it has ended; without ``Retry-After``, for who knows when one does.

    It needs a system that takes time (``service_s``, latency): calls that are answered at once never meet.
    """

    limit: int
    queue: int = 0
    """Calls that may wait for a place, first come first served."""
    scope: Scope = "system"
    factor: float = field(default=1.0, init=False)
    _busy: defaultdict[str, int] = field(
        default_factory=lambda: defaultdict(int), init=False, repr=False, compare=False
    )
    _queued: defaultdict[str, deque[Future[None]]] = field(
        default_factory=lambda: defaultdict(deque), init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        at_least(1, limit=self.limit)
        at_least(0, queue=self.queue)
        checked(self.scope)

    @property
    def waits(self) -> bool:
        return self.queue > 0

    def admit(self, call: Call, now_ns: int) -> Decision:
        bucket = bucket_of(call, self.scope)
        if self._busy[bucket] < cut(self.limit, self.factor):
            self._busy[bucket] += 1
            return Decision(bucket, release=partial(self._leave, bucket))
        queued = self._queued[bucket]
        if self.queue and len(queued) < cut(self.queue, self.factor):
            turn: Future[None] = get_running_loop().create_future()
            queued.append(turn)
            return Decision(bucket, turn=turn, release=partial(self._leave, bucket, turn))
        rule = f"{cut(self.limit, self.factor)} calls at the same time"
        return throttled(bucket, self.scope, rule, self.figures(call, now_ns))

    def figures(self, call: Call, now_ns: int) -> Figures:
        bucket = bucket_of(call, self.scope)
        limit = cut(self.limit, self.factor)
        left = max(0, limit - self._busy[bucket])
        return Figures(limit=limit, left=left, window_ns=0, reset_ns=0, wait_ns=0 if left else None)

    def _leave(self, bucket: str, turn: Future[None] | None = None) -> None:
        """A call has ended: its place goes to who waits longest. One that gave up in the queue had none."""
        queued = self._queued[bucket]
        if turn is not None and (turn.cancelled() or not turn.done()):
            if turn in queued:
                queued.remove(turn)
            return
        self._busy[bucket] -= 1
        while queued and self._busy[bucket] < cut(self.limit, self.factor):
            following = queued.popleft()
            if not following.done():
                self._busy[bucket] += 1
                following.set_result(None)
