"""Prints docs/scaling.md from what was measured: ``python docs/print_scaling.py > docs/scaling.md``.

To measure anew: ``python -m peakproof.loadtests.bench --only cost --json > docs/measured/order_cost.json``.
"""

import json
import sys
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import msgspec

from peakproof.loadtests.bench.metered import EVENTS, REST
from peakproof.loadtests.bench.order_cost import Capacity, OrderCost, capacity_of

MEASURED = Path(__file__).parent / "measured" / "order_cost.json"
SAFE = 0.6
"""Of a processor: beyond that, chance alone makes queues."""
RATES_PER_MIN = (10, 100, 600, 1_000, 3_000, 6_000, 10_000, 30_000, 100_000)
NAMES = {
    EVENTS: "webhooks, signed, sent and recorded",
    REST: "the loop, the history, clients' connections",
}

HEAD = """# Growing

How much one machine carries, what gives way first, and what can be done about it. All figures are from one measurement:

```sh
python -m peakproof.loadtests.bench --only cost
```

It runs `peakproof load` at two rates on the whole way from the order to the shipment, without faults, and charges the processor
time of the estate to the system that works just then. The straight line through both rates tells what the estate costs in any case from
what each order costs. Your machine has other figures: measure there before you size anything.
"""

PARTS = """
## What an order costs

{circumstances}

| part of the estate | processor ms per order | share | calls per order |
| --- | --- | --- | --- |
{rows}

Besides, the estate needs {standing:.0f} ms of a processor each second, however few orders come: {many:.0f} % of one. The load generator
needs about {generator:.1f} ms per order, and the reference middleware {middleware:.1f} ms; yours has its own figure in
`run.json` (`load`). Orders with more lines cost more, above all where stock of many articles is published.
"""

SIZES = """
## How many orders a minute

| orders a minute | calls a second | webhooks a second | estate, processors | load workers | history an hour | |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

*Processors* are what the estate would use. Unless [each system has a process](#each-system-a-process), it is one on one event
loop, so that it never has more than one, and at more
than {safe:.0%} of it chance alone makes queues: that is **{most} orders a minute** here. *Load workers* are those of
`peakproof load --workers N`, each used to {safe:.0%} at most. In memory an order takes at most 2 KB in each of its five
systems and 0.4 KB for each line (`--only state` measures it): a million orders of three lines fit into 16 GB.

## What gives way first

1. **Your middleware**, if all is well: that is what the run is for. [`peakproof load find-the-limit`](load.md#the-limit) says at which
   rate.
2. **The estate's one processor.** The largest part of it is webhooks: each change of stock, price or order is told to whoever
   subscribed. A middleware that subscribes to fewer topics makes the estate cheaper. `--processes` gives each system a process,
   and so a processor where there is one: the limit is then the busiest of them, which sends its own webhooks and no others'.
   A run that comes to this limit is `inconclusive` and says so, and which system it was; its figures are never taken for those
   of the middleware.
3. **The load generator**, long after that: take `--workers N`, or `--master` and `--worker` on other machines. This too is said.
4. **The disk**: the history is handed to the operating system before a reply leaves, and nobody waits until it is on the disk; the table
   says how much it is.
5. **The machine**: generator, estate and middleware on one machine take processors from each other. Give each a processor of
   its own, and the middleware a machine of its own, before you believe a percentile.

## How far this machine goes

```sh
python -m peakproof.loadtests.bench --only keeping-up --middleware lean --per-s 100 --seconds 60
python -m peakproof.loadtests.bench --only soak --per-s 20 --seconds 1800
```

`lean` stands in for a middleware: it makes the calls of order-to-ship and costs next to nothing, so that what gives way is the
estate or the generator. The first command says how late orders were sent (1 in 100 may be 50 ms late), who waited and how busy each
process was. The second looks at the memory of each process and says by how much it grows with every order beyond what the
systems keep of one. Both take any middleware that `--middleware` of a run takes.

Seen on two processors, everything on one machine: at 100 orders a second for 30 s, 1 in 100 was sent 2.2 ms late or more, none later
than 28 ms; every order was shipped, the last ones as fast as the first; the estate used 55 to 67 % of a processor, the generator 20 %.
In 30 minutes at 20 a second (36,127 orders) the estate grew by 11.4 KB an order, of which its systems keep 10.8 KB; the generator
grew by 0.04 KB, and both runs passed every invariant.

## On several machines

`deploy/` has a Dockerfile, `compose.yaml` and `kubernetes.yaml`: the run with Locust's master, **each system of the estate**, Locust workers
and the middleware, each in a container of its own, records and reports on a volume. `deploy/estate.yaml` fixes the systems' ports
and says where the run waits for them (`estate.gather_at`); `deploy/peakproof.toml` and `deploy/sut.env` hold the key and the
secret that estate and middleware share: take your own.

```sh
export PEAKPROOF_LOAD_TOKEN=$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')
docker compose --file deploy/compose.yaml up --build --exit-code-from peakproof
docker compose --file deploy/compose.yaml down    # so that the next run meets a middleware without memories
```

## Each system a process

```sh
peakproof load black-friday --peak 6000/min --processes          # or estate.processes: true in a scenario
```

The run starts a process for each system, seeds it, arms and heals its faults, hears what shoppers wait for, and judges all their
records as one history. Same seed: same orders, same baskets, same faults on the same orders. The systems tell each other what
they must: a checkout waits for its payment to be authorised, everything else goes one way. They end with the run, however it
ends; one that is lost in mid-run ends the workload, and the run is `inconclusive` in one line. `run.json` names them
(`processes`), and under load says how late and how busy each was (`load.systems`).

On other machines the same program comes to a run whose scenario says `estate: {{ processes: true, gather_at: "10.0.0.5:5561" }}`:

```sh
export PEAKPROOF_LOAD_TOKEN=…                                     # the same on all machines
python -m peakproof.scenarios.apart erp --join 10.0.0.5:5561      # on each machine, one system; --reached-at NAME behind a name
```

It is told there what to be, shows that it has the secret without saying it, measures how far the run's clock is from its own,
and sends its record home as it goes. It needs no scenario, no trace and no `peakproof.toml`. The middleware must be
reachable from it (`sut.url`), and it from the middleware; systems also reach each other, on ports that they choose. Nothing on
these lines is encrypted: use a network of your own.

- What counts over all systems needs them in one process, and is refused before the run: `limit`, `every`, `after` and `until` of an
  injection on `*`, throttles that share a bucket, and [stand-ins](flows.md) for flows that the middleware does not claim.
- A checkout takes longer by the way to the payment service and back.
- Seven processes cost more than one: each needs about a second of a processor to start, 90 MB, and a few per cent of a processor to
  stand by. It pays where there are processors to spare. On two, which other work wanted as well, 80 orders of 3 lines a second
  (`lean`, 12 s) took 25 % of a processor in one process and 49 % in seven; but where the one was at 32 % in 19 of 20 looks,
  the busiest of the seven was at 12 %, and 1 in 100 turns of a loop came 22 ms late in place of 58.

```sh
python -m peakproof.loadtests.bench --only keeping-up --middleware lean --per-s 80 --seconds 12 --processes    # and without
```

## What is not there

- **Replicas of one system.** A system keeps its state in memory. Several processes of one would share it in PostgreSQL, at three to
  four times the cost of a call; that step is not taken.
- Until then, more than the busiest system carries is reached with several estates side by side, each with a middleware and a run of its
  own, as shops are divided by country or brand. Each run has its own verdict.
"""


def document() -> str:
    """The whole page."""
    low, high = msgspec.convert(json.loads(MEASURED.read_bytes())["cost"], list[OrderCost])
    capacity = capacity_of(low, high)
    return HEAD + parts(capacity, low, high) + sizes(capacity)


def parts(capacity: Capacity, low: OrderCost, high: OrderCost) -> str:
    rows = [
        f"| {NAMES.get(name, f'`{name}`')} | {cpu_ms:.2f} | {cpu_ms / capacity.order_ms:.0%} "
        f"| {f'{capacity.calls[name]:.1f}' if name in capacity.calls else ''} |"
        for name, cpu_ms in capacity.parts.items()
    ]
    rows.append(f"| **all of it** | **{capacity.order_ms:.2f}** | 100% | |")
    circumstances = (
        f"Orders of {high.lines} lines, {low.per_s:.0f} and {high.per_s:.0f} a second for {high.seconds:g} s each, "
        f"on {high.processors} processors that {max(low.load_before, high.load_before):.0f} other processes wanted "
        f"as well, which makes everything dearer."
        if max(low.load_before, high.load_before) >= 1
        else f"Orders of {high.lines} lines, {low.per_s:.0f} and {high.per_s:.0f} a second for {high.seconds:g} s "
        f"each, on {high.processors} processors that nobody else wanted."
    )
    return PARTS.format(
        circumstances=circumstances,
        rows="\n".join(rows),
        standing=capacity.standing_ms,
        many=capacity.standing_ms / 10,
        generator=capacity.generator_ms or 0.0,
        middleware=capacity.middleware_ms or 0.0,
    )


def sizes(capacity: Capacity) -> str:
    most_per_min = capacity.most_per_s(SAFE) * 60
    return SIZES.format(
        rows="\n".join(sized(capacity, most_per_min)), safe=SAFE, most=f"{most_per_min // 100 * 100:,.0f}"
    )


def sized(capacity: Capacity, most_per_min: float) -> Iterator[str]:
    calls = sum(count for name, count in capacity.calls.items() if name != EVENTS)
    for per_min in RATES_PER_MIN:
        per_s = per_min / 60
        workers = ceil(per_s * (capacity.generator_ms or 0.0) / 1e3 / SAFE)
        history = per_min * 60 * capacity.history_bytes
        yield (
            f"| {per_min:,} | {shown(per_s * calls)} | {shown(per_s * capacity.calls[EVENTS])} "
            f"| {capacity.estate_share(per_s):.2f} | {max(1, workers)} | {shown(history / 1e9)} GB "
            f"| {'' if per_min <= most_per_min else 'more than one process carries'} |"
        )


def shown(number: float) -> str:
    """With two digits that mean something."""
    return f"{number:.2g}" if number < 10 else f"{float(f'{number:.2g}'):,.0f}"


if __name__ == "__main__":
    sys.stdout.write(document())
