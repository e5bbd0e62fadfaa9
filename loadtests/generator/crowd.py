"""The shoppers of one process: each act begins at its own time and waits for nobody else's."""

from functools import partial
from time import process_time

import gevent
from locust.env import Environment

from ..plan import PlaceOrder, RequestCancellation, RequestReturn
from .job import Status, Wanted
from .users import Cancel, Checkout, Return, Scene, sleep_until


class Crowd:
    """Open arrivals: what is due is begun, however many have not been answered yet."""

    def __init__(self, environment: Environment, scene: Scene) -> None:
        self._scene = scene
        self._checkout, self._cancel, self._return = (
            Checkout(environment),
            Cancel(environment),
            Return(environment),
        )
        wanted = {act.number: act.wanted for act in scene.job.acts}
        self._timed = [number for number, item in wanted.items() if _is_timed(item)]
        self._awaited = {number: item for number, item in wanted.items() if not _is_timed(item)}
        self._wanted = wanted
        self._checkouts: dict[str, gevent.Greenlet] = {}
        """Those under way, by order."""
        self._under_way: set[gevent.Greenlet] = set()
        self._clock_greenlet: gevent.Greenlet | None = None
        self._placed = 0
        self._sent = 0
        self._last_act_ns = 0
        self._errors: list[str] = []

    def begin(self, start_ns: int) -> None:
        """Start everything that has a time at that time after ``start_ns``."""
        self._clock_greenlet = gevent.spawn(self._keep_time, start_ns)

    def now(self, number: int) -> None:
        """The moment that an act waits for has come."""
        item = self._awaited.pop(number, None)
        if item is not None:
            lag_s = item.lag_s if isinstance(item, RequestReturn) else 0.0
            self._start(item, self._scene.clock() + round(lag_s * 1e9))

    def give_up(self) -> None:
        """Begin nothing more, and end what has begun."""
        if self._clock_greenlet is not None:
            self._clock_greenlet.kill()
        gevent.killall(list(self._under_way))

    def status(self) -> Status:
        return Status(
            placed=self._placed,
            sent=self._sent,
            under_way=len(self._under_way),
            last_act_ns=self._last_act_ns,
            cpu_s=process_time(),
            error=self._errors[0] if self._errors else None,
        )

    def _keep_time(self, start_ns: int) -> None:
        for number in sorted(self._timed, key=lambda one: self._wanted[one].at_s):
            item = self._wanted[number]
            due_ns = start_ns + round(item.at_s * 1e9)
            sleep_until(due_ns, self._scene.clock)
            self._start(item, due_ns)

    def _start(self, item: Wanted, due_ns: int) -> None:
        greenlet = gevent.spawn(self._act, item, due_ns)
        self._under_way.add(greenlet)
        if isinstance(item, PlaceOrder):
            self._checkouts[item.order_ref] = greenlet
            self._sent += 1
        greenlet.link(partial(self._ended, item))

    def _ended(self, item: Wanted, greenlet: gevent.Greenlet) -> None:
        self._under_way.discard(greenlet)
        if isinstance(item, PlaceOrder):
            del self._checkouts[item.order_ref]
        self._last_act_ns = self._scene.clock()
        if greenlet.exception is not None:
            self._errors.append(f"{type(greenlet.exception).__name__}: {greenlet.exception}")

    def _act(self, item: Wanted, due_ns: int) -> None:
        match item:
            case PlaceOrder():
                placed = self._checkout.act(item, due_ns)  # others place theirs meanwhile: count afterwards
                self._placed += placed
            case RequestCancellation():
                self._cancel.act(item, self._after_checkout(item.order_ref, due_ns))
            case RequestReturn():
                self._return.act(item, self._after_checkout(item.order_ref, due_ns))

    def _after_checkout(self, order_ref: str, due_ns: int) -> int:
        """Nobody cancels or returns what has not been confirmed to them yet; returns when the wish is due then."""
        sleep_until(due_ns, self._scene.clock)
        checkout = self._checkouts.get(order_ref)
        if checkout is None or checkout.ready():
            return due_ns
        checkout.join()
        return self._scene.clock()


def _is_timed(item: Wanted) -> bool:
    """It has a time of its own, and waits for nothing else."""
    return isinstance(item, PlaceOrder) or item.moment == "clock"
