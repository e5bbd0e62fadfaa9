"""What systems tell each other inside the house, where each has a process of its own.

Only one of it is waited for: a checkout's payment, which has to be known before anybody can see the order. Payments
never wait for anybody, so that nobody can wait in a circle.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ...simulators.estate import Estate
from ...simulators.kit.orders import OrderLine, PartLine
from ...simulators.kit.refusal import Refusal, Refused
from .line import Caller, Line, LineError
from .wire import (
    Authorise,
    Authorised,
    BetweenSystems,
    Denied,
    Hello,
    Neighbour,
    Placed,
    Returned,
    Said,
    ToNeighbour,
)

PATIENCE_S = 5.0
"""A channel stands still while it waits for the payment service."""
UNREACHABLE = Refusal("payments_unreachable", 503, "The payment service cannot be reached just now.")


class Neighbours:
    """The other systems, as one sees them that has a process of its own. LineError where one cannot be reached at first.

    One that is lost later is missed by the run; here it is passed over.
    """

    def __init__(self, estate: Estate, neighbours: Mapping[str, Neighbour], token: str) -> None:
        (own,) = estate.systems.values()
        listen = {"marketplace": ("payments", "erp", "wms"), "wms": ("oms",)}.get(own.kind, ())
        self._lines: dict[str, list[Caller]] = {kind: [] for kind in listen}
        for one in neighbours.values():
            if one.kind in listen:
                called = Caller(one.host, one.port, own.name, token, patience_s=PATIENCE_S)
                self._lines[one.kind].append(called)
        if own.kind == "marketplace":
            estate.elsewhere = self
            own.ledger.on_placed.append(self.placed)
        if own.kind == "wms":
            own.ledger.ports.on_return_received.append(self.returned)

    def authorise(self, order_ref: str, amount: Decimal, currency: str) -> str:
        """Waits for the payment service. Refused, as it refuses, or because it cannot be reached."""
        for line in self._lines["payments"]:
            try:
                line.tell(Authorise(order_ref, amount, currency))
                answer: ToNeighbour = line.hear(ToNeighbour)
            except LineError as error:
                line.close()  # an answer that came late would be taken for the next one's
                raise UNREACHABLE.because(str(error)) from None
            if isinstance(answer, Denied):
                refusal = Refusal(answer.code, answer.status, answer.title, answer.permanent)
                raise Refused(refusal, answer.detail, answer.extensions)
            return answer.payment_id
        raise UNREACHABLE.because("there is none")

    def placed(self, order_ref: str, lines: tuple[OrderLine, ...], currency: str) -> None:
        """A channel has just sold."""
        self._tell(Placed(order_ref, lines, currency), "erp", "wms")

    def returned(self, return_id: str, order_ref: str, lines: tuple[PartLine, ...]) -> None:
        """The warehouse has got something back."""
        self._tell(Returned(return_id, order_ref, lines), "oms")

    def close(self) -> None:
        for lines in self._lines.values():
            for line in lines:
                line.close()

    def _tell(self, message: Said, *kinds: str) -> None:
        for kind in kinds:
            for line in list(self._lines[kind]):
                try:
                    line.tell(message)
                except LineError:
                    self._lines[kind].remove(line)


class House:
    """What one system hears from the others, and does at once."""

    def __init__(self, estate: Estate, on_error: Callable[[str], None]) -> None:
        (own,) = estate.systems.values()
        self._estate = estate
        self._name = own.name
        self._ledger: Any = own.ledger
        self._on_error = on_error

    async def hear(self, line: Line, hello: Hello) -> None:
        """Listen to one of them until it is gone."""
        while True:
            message = await line.hear(BetweenSystems)
            try:
                self._act(message, line)
            except Exception as error:  # noqa: BLE001 - whatever goes wrong with one notice, the next is heard
                self._on_error(
                    f"{self._name}: {type(message).__name__.lower()}, from {hello.system}: {type(error).__name__}: {error}"
                )

    def _act(self, message: BetweenSystems, line: Line) -> None:
        match message:
            case Authorise():
                answer = self._authorised(message)
                self._estate.writer.flush_now()
                line.tell(answer)
            case Placed():
                self._ledger.order_placed(message.order_ref, message.lines, message.currency)
            case Returned():
                self._ledger.return_received(message.return_id, message.order_ref, message.lines)

    def _authorised(self, wanted: Authorise) -> ToNeighbour:
        try:
            payment = self._ledger.authorise(wanted.order_ref, wanted.amount, wanted.currency)
        except Refused as refused:
            reason = refused.refusal
            return Denied(
                reason.code,
                reason.status,
                reason.title,
                reason.permanent,
                refused.detail,
                dict(refused.extensions),
            )
        return Authorised(payment.payment_id)
