"""Prints docs/profiles.md: ``python docs/print_profiles.py > docs/profiles.md``."""

import sys
from collections.abc import Iterator
from dataclasses import fields

from peakproof.loadtests.profile import Profile

HEAD = """# Load profiles

A profile says how the rate of orders moves over time, as a multiple of an ordinary day's mean rate, and, where it differs from
the real trace, what shoppers buy. A run compresses its time into the run's own:

```yaml
duration_s: 180
workload: { profile: black-friday, peak_per_min: 600 }
```

- `peak_per_min` makes a Poisson process whose rate is the curve's, with so many orders a minute at its peak: orders come by
  chance, seeded, and know nothing of each other. Without it the trace's own day comes, in its real sequence, at the curve's pace.
- `window: 13:00+1h` (`peakproof load --window`) plays only that part of it: [in real time](load.md#in-real-time).
- Baskets, prices and the popularity of articles are the trace's: 137 real orders of 17 November 2011.
- A profile of your own is a TOML file in one of the three forms of those in `loadtests/profiles/`, given by its path:
  `hourly_percent` (24 shares of a day) with `day_multiple`; `steps` of `step_s` seconds each, where `ordinary` is an ordinary
  day's value; or a `curve` of points `[second, rate]` with straight lines between them, and a jump where a second stands twice.

- A profile with a `[search]` table is not run once but at one rate after another, to find the highest that holds: see
  [the limit](load.md#the-limit). The shape of each run is the profile's.

*Mean* and *peak* are multiples of an ordinary day's mean rate. The pictures show the rate over the whole time, each as high as its peak.
"""

BARS = " ▁▂▃▄▅▆▇█"
COLUMNS = 72
SAMPLES = 32
"""Of each column the highest of so many rates is drawn, so that no peak is missed."""

UNITS = ((86_400, "days", "day"), (3_600, "hours", "hour"), (60, "minutes", "minute"))


def document() -> str:
    """The whole page."""
    profiles = [Profile.shipped(name) for name in Profile.names()]
    lines = [HEAD, *table(profiles)]
    for profile in profiles:
        lines += described(profile)
    return "\n".join(lines).rstrip() + "\n"


def table(profiles: list[Profile]) -> Iterator[str]:
    yield "| profile | what | lasts | mean | peak |"
    yield "| --- | --- | --- | --- | --- |"
    for one in profiles:
        yield (
            f"| [`{one.name}`](#{one.name}) | {one.summary} | {span(one)} | {one.mean:.3g} | {one.peak:.3g} |"
        )
    yield ""


def described(profile: Profile) -> Iterator[str]:
    yield f"## {profile.name}"
    yield ""
    yield f"{profile.summary}."
    yield ""
    yield "```text"
    yield f"{profile.peak:6.3g} {picture(profile)}"
    yield f"       0{span(profile):>{COLUMNS - 1}}"
    yield "```"
    yield ""
    for one in fields(profile.buying):
        value = getattr(profile.buying, one.name)
        if value != one.default:
            yield f"- Buying: `{one.name}` {str(value).lower()}"
    if profile.search is not None:
        for key, value in profile.search.document().items():
            yield f"- Search: `{key}` {', '.join(f'`{one}`' for one in value) if isinstance(value, list) else f'{value:g}'}"
    for source in profile.sources:
        yield f"- Source: {source}"
    yield ""


def picture(profile: Profile) -> str:
    step_s = profile.span_s / COLUMNS
    highest = [
        max(profile.rate((column + part / SAMPLES) * step_s) for part in range(SAMPLES))
        for column in range(COLUMNS)
    ]
    return "".join(
        BARS[-(-round(rate / profile.peak * 1_000) * (len(BARS) - 1) // 1_000)] for rate in highest
    )


def span(profile: Profile) -> str:
    unit_s, many, one = next(unit for unit in UNITS if profile.span_s > unit[0] or unit[0] == 60)
    count = profile.span_s / unit_s
    return f"{count:g} {one if count == 1 else many}"


if __name__ == "__main__":
    sys.stdout.write(document())
