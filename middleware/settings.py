"""Where the systems are and how this service is run, read once from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec


class SettingsError(Exception):
    """A setting is missing or cannot be read; one line for the user."""


class SystemAddress(msgspec.Struct, frozen=True):
    """Where a system is, and as whom to call it."""

    kind: str
    url: str
    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them; times in seconds."""

    systems: Mapping[str, SystemAddress]
    webhook_secret: str
    data: Path
    port: int = 8080
    poll_s: float = 2.0
    timeout_s: float = 10.0
    """How long a system may take over one call."""
    gather_s: float = 0.05
    """How long stock, availability and prices are gathered for one bulk call."""

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Raises SettingsError, which names the variable."""
        env = os.environ if environment is None else environment
        for name in ("PEAKPROOF_SYSTEMS", "PEAKPROOF_WEBHOOK_SECRET"):
            if not env.get(name):
                raise SettingsError(f"{name} is not set")
        try:
            systems = msgspec.json.decode(env["PEAKPROOF_SYSTEMS"], type=dict[str, SystemAddress])
        except msgspec.DecodeError as error:
            raise SettingsError(
                f'PEAKPROOF_SYSTEMS: {error}; expected {{"erp": {{"kind": "erp", "url": "http://…", …}}, …}}'
            ) from None
        return cls(
            systems=systems,
            webhook_secret=env["PEAKPROOF_WEBHOOK_SECRET"],
            data=Path(env.get("SUT_DATA_DIR", ".")),
            port=int(_number(env, "PORT", 8080)),
            poll_s=_number(env, "SUT_POLL_S", 2.0),
            timeout_s=_number(env, "SUT_TIMEOUT_S", 10.0),
        )


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        raise SettingsError(f"{name} is {text!r}; expected a number") from None
    if not 0 < number < 1e6:
        raise SettingsError(f"{name} is {text!r}; expected a number above 0")
    return number
