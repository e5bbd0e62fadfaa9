"""Secrets in a log are found, and never repeated."""

import base64
from pathlib import Path

import pytest

from peakproof.scenarios.sut_log import MOST_NAMED, look_through

SECRET = "s3cr3t-of_erp-0123456789"
HOOK = "whsec_bm90IGEgcmVhbCBzZWNyZXQgYXQgYWxs/+A="
SECRETS = {SECRET: "the client secret of erp", HOOK: "the webhook secret"}


@pytest.mark.parametrize(
    ("line", "leaks"),
    [
        ("order web-000001 booked", []),
        (f"Authorization: Bearer {SECRET}", ["line 1: the client secret of erp"]),
        (f"POST /oauth/token?client_secret={SECRET}&x=1", ["line 1: the client secret of erp"]),
        (f'{{"secret":"{HOOK}"}}', ["line 1: the webhook secret"]),
        (f"{SECRET} {SECRET}", ["line 1: the client secret of erp"]),
        (base64.b64encode(SECRET.encode()).decode(), ["line 1: the client secret of erp (base64)"]),
        (SECRET[:-1], []),
    ],
)
def test_a_secret_is_found_however_it_stands_in_a_line(tmp_path: Path, line: str, leaks: list[str]) -> None:
    log = tmp_path / "sut.log"
    log.write_text(f"{line}\n")
    looked = look_through(log, SECRETS)
    assert looked.leaks == leaks
    assert (looked.lines, looked.secrets) == (1, 2)
    assert not any(secret in leak for leak in looked.leaks for secret in SECRETS)


def test_a_log_of_anything_can_be_looked_through(tmp_path: Path) -> None:
    log = tmp_path / "sut.log"
    log.write_bytes(b"\xff\xfe\x00 \n" + SECRET.encode())
    assert look_through(log, SECRETS).leaks == ["line 2: the client secret of erp"]


def test_a_log_full_of_secrets_is_cut_short(tmp_path: Path) -> None:
    log = tmp_path / "sut.log"
    log.write_text(f"{SECRET}\n" * 100)
    assert len(look_through(log, SECRETS).leaks) == MOST_NAMED
