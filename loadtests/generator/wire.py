"""What master and workers say to each other, inside Locust's own messages: JSON, tagged by ``says``."""

from typing import Any, TypeVar

import msgspec

from ...history.records import WorkloadItem
from .job import Creed, Cue, Job, Status

Said = TypeVar("Said")

MESSAGE = "peakproof"
"""The one kind of Locust's messages that is ours."""


class _Said(msgspec.Struct, frozen=True, tag_field="says", tag=str.lower):
    """One message."""


class Hello(_Said, frozen=True):
    """What a worker says of itself when it comes."""

    creed: Creed
    host: str
    pid: int
    nonce: str

    @property
    def name(self) -> str:
        return f"{self.host}, process {self.pid}"


class Proof(_Said, frozen=True):
    """The worker has the token."""

    proof: str


class AskTime(_Said, frozen=True):
    """What time is it at the master's?"""


class Ready(_Said, frozen=True):
    """The worker has read its shard, and how it reads it (``sharding.digest``)."""

    digest: str
    ahead_ns: int
    """How far the master's clock is ahead of the worker's."""
    uncertainty_ns: int


class Progress(_Said, frozen=True):
    status: Status


class Samples(_Said, frozen=True):
    """What this worker's shoppers did, each written down as it was done."""

    items: list[WorkloadItem]


class Farewell(_Said, frozen=True):
    """The worker's last word."""

    status: Status


class Challenge(_Said, frozen=True):
    """The master has the token too, and the worker shall show that it does."""

    nonce: str
    proof: str


class Refusal(_Said, frozen=True):
    """The worker is not taken, or sent away before the run."""

    why: str


class Shard(_Said, frozen=True):
    """The worker is taken; this is its part."""

    job: Job
    name: str
    workers: int
    more_to_come: bool = False
    """As in ``Distribution``."""


class Time(_Said, frozen=True):
    now_ns: int


FromWorker = Hello | Proof | AskTime | Ready | Progress | Samples | Farewell
FromMaster = Challenge | Refusal | Shard | Time | Cue


def packed(message: FromWorker | FromMaster) -> dict[str, Any]:
    """As Locust carries it."""
    return {"said": msgspec.json.encode(message)}


def from_worker(data: Any) -> FromWorker:
    """ValueError where it is none of these."""
    return _unpacked(data, _OF_WORKER)


def from_master(data: Any) -> FromMaster:
    """ValueError where it is none of these."""
    return _unpacked(data, _OF_MASTER)


_OF_WORKER: msgspec.json.Decoder[FromWorker] = msgspec.json.Decoder(FromWorker)
_OF_MASTER: msgspec.json.Decoder[FromMaster] = msgspec.json.Decoder(FromMaster)


def _unpacked(data: Any, decoder: msgspec.json.Decoder[Said]) -> Said:
    try:
        return decoder.decode(data["said"])
    except (TypeError, KeyError, msgspec.DecodeError) as error:
        raise ValueError(f"this is no message of peakproof: {error}") from None
