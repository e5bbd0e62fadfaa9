"""Who was at the limit: what a run says of its samples."""

import os

import pytest

from peakproof.scenarios.saturation import Saturation, at_share, used_by


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [([], 0.99, None), ([0.5], 0.99, 0.5), ([3.0, 1.0, 2.0, 4.0], 0.5, 2.0), (list(range(101)), 0.95, 95)],
)
def test_so_large_a_part_of_the_samples_does_not_pass_the_figure(
    samples: list[float], share: float, expected: float | None
) -> None:
    assert at_share(samples, share) == expected


def test_the_worst_of_each_is_said_and_nothing_of_what_was_never_seen() -> None:
    seen = Saturation(lags_s=[0.0, 0.2], estate=[0.1, 0.9], sut_bytes=[50_000_000, 80_000_000])
    assert seen.facts() == {
        "estate": {"loop_lag_p99_s": 0.2, "cpu_p95": 0.9},
        "generator": {"cpu_p95": None},
        "sut": {"cpu_p95": None, "rss_max_mb": 80.0},
    }


def test_a_process_that_is_gone_or_was_never_started_by_us_counts_nothing() -> None:
    assert used_by(None) == used_by(2**22 + 1) == (0.0, 0)
    assert used_by(os.getpid())[1] > 0
