"""Prints docs/throttles.md: ``python docs/print_throttles.py > docs/throttles.md``."""

import sys
from collections.abc import Iterator

from peakproof.chaos.plan import Plan
from peakproof.chaos.registry import THROTTLES, Entry

HEAD = """# Throttles

A throttle is a system's normal rate rule with its correct refusals: no fault, and never random. A system has none unless
its scenario gives it one, by its kind or by a vendor's plan:

```yaml
estate:
  systems:
    erp: {throttle: {kind: token-bucket, rate_per_s: 4, burst: 10}}
    web: {throttle: {plan: shopify-rest, tier: plus}}
```

What holds for all of them:

- `scope` says whose calls are counted together: those of a `client`, an `operation`, a `client-operation` or the whole
  `system`. Shoppers are exempt: a vendor throttles its API, not its shop.
- `share: NAME` on several systems makes one throttle of theirs, as for the account behind an ERP and a WMS.
- The fault `throttle-cut` lowers any of them to a `factor` of its rate, size or number; one call always fits.
- Times are whole nanoseconds and rates exact fractions, so nothing drifts. Waits that are told are rounded up: who waits so
  long alone is admitted.
- A system that is down (`outage`) refuses nothing. The call record names the bucket, `refused_by: throttle` and
  `retry_after_s` (null where the vendor sends no `Retry-After`).
- Throttles that count calls at the same time need a system that takes time (`service_s`, or the fault `latency`).
- A kind refuses with 429, a problem document, `Retry-After` where the wait is known, and the headers of
  draft-ietf-httpapi-ratelimit-headers. A plan refuses as its vendor does.

## Kinds
"""

PLANS = """
## Vendor plans

`plan` is a name from here, or the path of a TOML file of your own in the form of those in `chaos/plans/`. Beside it:
`tier` for a better contract; `scale`, the real seconds of one of the vendor's, for short runs (0.1: windows ten times
shorter, rates ten times higher); the name of a rule with settings to change; `refusal` with a `status`, `headers` or
`body` of its own, e.g. `{plan: shopify-graphql, scale: 0.1, cost: {size: 500}, refusal: {status: 429}}`.

Every number is a vendor's default, and can be changed. *documented*: the vendor's own text says so, as it was on the day it was
read; *second-hand*: somebody else's does; *unverified*: told without a document, or assumed.
"""


def document() -> str:
    """The whole page."""
    return (
        "\n".join([HEAD, *(line for one in THROTTLES.entries() for line in kind(one)), PLANS, *plans()])
        + "\n"
    )


def kind(entry: Entry) -> Iterator[str]:
    yield f"### {entry.name}"
    yield ""
    yield entry.summary
    yield ""
    yield "| setting | is | default |"
    yield "| --- | --- | --- |"
    for setting in entry.settings:
        default = "needed" if setting.required else f"`{setting.default}`"
        yield f"| `{setting.name}` | {setting.expected} | {default} |"
    yield ""


def plans() -> Iterator[str]:
    for name in Plan.names():
        yield from one_plan(name, Plan.load(name))


def one_plan(name: str, plan: Plan) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    yield plan.summary
    if plan.asks == "first":
        yield ""
        yield "Only the first rule that names an operation counts it."
    yield ""
    yield "| rule | kind | settings | operations |"
    yield "| --- | --- | --- | --- |"
    for rule_name, rule in plan.rules.items():
        operations = ", ".join(f"`{one}`" for one in rule.only) or "all"
        yield f"| `{rule_name}` | {rule.kind} | {settings(rule.settings)} | {operations} |"
    yield ""
    for tier, rules in plan.tiers.items():
        changed = "; ".join(f"`{rule}`: {settings(given)}" for rule, given in rules.items())
        yield f"- Tier `{tier}`: {changed}"
    told = [f"`{header}: {text}`" for header, text in plan.told.headers.items()]
    if plan.told.extensions is not None:
        told.append("the body's `extensions`")
    yield f"- Tells every caller: {', '.join(told) or 'nothing'}"
    headers = ", ".join(f"`{header}`" for header in plan.refusal.headers)
    yield f"- Refuses with {plan.refusal.status}, {headers}:"
    yield f"  `{plan.refusal.body}`"
    yield ""
    for source in plan.sources:
        where = "no document" if source.url is None else f"<{source.url}>"
        yield f"- {source.facts}: *{source.standing}*, {where}, {source.read}"
    yield ""


def settings(given: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in given.items())


if __name__ == "__main__":
    sys.stdout.write(document())
