"""The catalogues: found by place, built by name, and clear about what is wrong."""

import re
from typing import Any, get_args

import pytest

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import Seam
from peakproof.chaos.faults.lost_reply import LostReply
from peakproof.chaos.injection import Injection
from peakproof.chaos.registry import FAULTS, THROTTLES
from peakproof.chaos.throttles.token_bucket import TokenBucket


def test_every_file_in_the_folder_is_a_fault_with_a_line_of_description() -> None:
    assert {"outage", "latency", "server-error", "lost-reply", "duplicate-delivery"} <= set(FAULTS.names())
    for entry in FAULTS.entries():
        assert re.fullmatch(r"[A-Z].*\.", entry.summary), entry.name
        assert entry.seam in get_args(Seam)


def test_every_fault_can_be_made_with_its_defaults_and_knows_its_name() -> None:
    for name in FAULTS.names():
        assert Injection(id="x", fault=FAULTS.build(name, {})).fault_name == name


def test_a_fault_is_built_by_name_and_settings() -> None:
    assert FAULTS.build("lost-reply", {"how": "hang"}) == LostReply(how="hang")


def test_a_throttle_is_built_by_name_and_settings() -> None:
    assert THROTTLES.build("token-bucket", {"rate_per_s": 0.5, "burst": 3}) == TokenBucket(0.5, 3)


def test_an_entry_shows_its_settings() -> None:
    shown = {setting.name: setting.expected for setting in THROTTLES.entry("token-bucket").settings}
    assert shown == {
        "rate_per_s": "a number",
        "burst": "a whole number",
        "scope": "'client' or 'operation' or 'client-operation' or 'system'",
    }


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("lost-rply", {}, "unknown fault 'lost-rply'; did you mean 'lost-reply'? (valid: "),
        ("../os", {}, "unknown fault '../os' (valid: "),
        (
            "latency",
            {"second": 1},
            "unknown setting of fault 'latency' 'second'; did you mean 'seconds'? (valid: ",
        ),
        ("outage", {"x": 1}, "unknown setting of fault 'outage' 'x' (valid: none)"),
        ("latency", {"seconds": "2"}, "fault 'latency': seconds must be a number, got '2'"),
        ("latency", {"seconds": True}, "fault 'latency': seconds must be a number, got True"),
        ("latency", {"seconds": None}, "fault 'latency': seconds must be a number, got None"),
        (
            "duplicate-delivery",
            {"copies": 2.5},
            "fault 'duplicate-delivery': copies must be a whole number, got 2.5",
        ),
        ("lost-reply", {"how": "gone"}, "fault 'lost-reply': how must be 'reset' or 'hang', got 'gone'"),
        (
            "lost-reply",
            {"how": ["reset"]},
            "fault 'lost-reply': how must be 'reset' or 'hang', got ['reset']",
        ),
        (
            "rejected-later",
            {"permanent": 1},
            "fault 'rejected-later': permanent must be true or false, got 1",
        ),
        (
            "server-error",
            {"status": 418},
            "fault 'server-error': status must be one of 500, 502, 503, 504, got 418",
        ),
        (
            "throttle-cut",
            {"factor": 1.2},
            "fault 'throttle-cut': factor must be above 0 and below 1, got 1.2",
        ),
        (
            "duplicate-delivery",
            {"copies": 0},
            "fault 'duplicate-delivery': copies must be from 2 to 100, got 0",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ChaosError, match=f"^{re.escape(message)}") as wrong:
        FAULTS.build(name, settings)
    assert "\n" not in str(wrong.value)


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(ChaosError, match=r"^throttle 'token-bucket' needs rate_per_s$"):
        THROTTLES.build("token-bucket", {})
