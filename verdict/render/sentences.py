"""The verdict in three sentences that everybody understands: what came of it, what is worst or why not, and what next."""

from ...history.printable import printable
from ..result import Verdict
from .wording import counted


def explanation(verdict: Verdict) -> list[str]:
    """Three sentences, in the order in which to read them."""
    return [_outcome(verdict), _pressure(verdict), _next(verdict)]


def _outcome(verdict: Verdict) -> str:
    examined = [one for one in verdict.invariants if one.status not in ("not exercised", "unknown")]
    orders = counted(verdict.counts.get("orders", 0), "order")
    broken = [one for one in verdict.invariants if one.status == "violated"]
    missed = [one for one in verdict.objectives if not one.met]
    if broken:
        concerned = {finding.about for result in broken for finding in result.findings}
        kept_all = all(result.findings_count == len(result.findings) for result in broken)
        about = f"{'' if kept_all else 'at least '}{len(concerned):,} of {orders}"
        return (
            f"{len(broken)} of {counted(len(examined), 'invariant')} that had something to examine "
            f"{'is' if len(broken) == 1 else 'are'} violated, with {counted(sum(r.findings_count for r in broken), 'finding')} "
            f"about {about if len(concerned) <= verdict.counts.get('orders', 0) else counted(len(concerned), 'subject')}."
        )
    if missed:
        return (
            f"All {counted(len(examined), 'invariant')} that had something to examine hold over {orders}, but "
            f"{counted(len(missed), 'objective')} of {len(verdict.objectives)} {'was' if len(missed) == 1 else 'were'} missed."
        )
    if verdict.verdict == "inconclusive":
        return (
            f"Nothing wrong was found over {orders}, but that proves little: the run has not earned a pass."
        )
    return f"All {counted(len(examined), 'invariant')} that had something to examine hold over {orders}."


def _pressure(verdict: Verdict) -> str:
    fired = [fault for fault in verdict.faults if fault.fired]
    felt = sum(fault.fired for fault in fired)
    calls = counted(verdict.counts.get("calls", 0), "call")
    if not verdict.faults:
        return f"No fault was injected in its {calls}: this is how it does in fair weather."
    left_out = sum(fault.left_out is not None for fault in verdict.faults)
    silent = len(verdict.faults) - len(fired) - left_out
    return (
        f"{counted(len(fired), 'fault')} struck {counted(felt, 'time')} in {calls} and "
        f"{verdict.counts.get('deliveries', 0):,} deliveries of events"
        + (f"; {silent} more never fired" if silent else "")
        + (f"; {left_out} {'was' if left_out == 1 else 'were'} left out." if left_out else ".")
    )


def _next(verdict: Verdict) -> str:
    if verdict.worst:
        result, finding = verdict.worst[0]
        return printable(
            f"Start with {finding.subject} ({finding.finding}): {finding.remedy or result.remedy}"
        )
    if verdict.verdict == "fail":
        missed = next(one for one in verdict.objectives if not one.met)
        return printable(f"Start with the objective {missed.objective}: {missed.said}.")
    if verdict.reasons:
        return printable(f"First put this right: {verdict.reasons[0]}.")
    idle = sum(result.status == "not exercised" for result in verdict.invariants)
    if idle:
        return f"{counted(idle, 'invariant')} had nothing to examine: a pass says nothing about {'it' if idle == 1 else 'them'}."
    return "Nothing is left to do for this scenario and seed; another seed makes other orders."
