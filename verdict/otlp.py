"""A run's calls as OpenTelemetry traces, so that they stand beside the spans of the system under test."""

import logging
import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from ..history.reader import History
from .errors import VerdictError

if TYPE_CHECKING:  # an optional extra: imported when it is asked for
    from opentelemetry.sdk.trace import ReadableSpan

SPANS_A_REQUEST = 1000
TIMEOUT_S = 10.0
"""For one request, its repetitions included."""
TRACES_PATH = "/v1/traces"

_TRACE_ID = re.compile(r"[0-9a-f]{32}")


def export(history: History, url: str) -> int:
    """Send every call of a run as a span to an OTLP/HTTP endpoint; returns how many.

    ``url`` is a collector's, e.g. ``http://localhost:4318``, or the whole address of its traces. A call that carried a
    ``traceparent`` keeps its trace; the others are in one trace an order, or a subject. Headers, e.g. a key, come from
    OTEL_EXPORTER_OTLP_HEADERS. VerdictError where the extra is not installed, for an address that cannot be one, and
    where nobody takes the spans.
    """
    endpoint = _endpoint(url)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError:
        raise VerdictError(
            "--otlp needs OpenTelemetry, which is an extra of its own: pip install 'peakproof[otel]'"
        ) from None
    exporter = OTLPSpanExporter(endpoint, timeout=TIMEOUT_S)
    sent = 0
    with _Heard("opentelemetry.exporter") as heard:
        for batch in _batches(history):
            if exporter.export(batch) is not SpanExportResult.SUCCESS:
                why = heard.first or "no reason was given"
                raise VerdictError(
                    f"--otlp {url}: {sent:,} spans were taken, the next {len(batch):,} were not: {why}"
                )
            sent += len(batch)
    return sent


def _endpoint(url: str) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (it checks itself when it is read)
    except ValueError as error:
        raise VerdictError(f"--otlp {url}: is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise VerdictError(f"--otlp {url}: must be an OTLP/HTTP address, e.g. http://localhost:4318")
    return url if parts.path.strip("/") else parts._replace(path=TRACES_PATH).geturl()


class _Heard(logging.Handler):
    """The exporter says why it failed only in its log: kept for our own line, and not printed beside it."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.WARNING)
        self.first = ""
        """What went wrong first; later ones only say that it was given up."""
        self._logger = logging.getLogger(name)
        self._propagated = self._logger.propagate

    def emit(self, record: logging.LogRecord) -> None:
        self.first = self.first or " ".join(record.getMessage().split())[:300]

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        self._logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated


def _batches(history: History) -> "Iterator[list[ReadableSpan]]":
    from opentelemetry.sdk.resources import Resource

    run = str(history.run.get("id") or history.folder.name)
    resources: dict[str, Resource] = {}
    cursor = history.connection.execute("SELECT * FROM calls ORDER BY at_ns, call_id")
    names = [column[0] for column in cursor.description or ()]
    while rows := cursor.fetchmany(SPANS_A_REQUEST):
        batch = []
        for values in rows:
            row = dict(zip(names, values, strict=True))
            resource = resources.setdefault(
                row["system"],
                Resource(
                    {"service.name": row["system"], "service.namespace": "peakproof", "peakproof.run": run}
                ),
            )
            batch.append(_span(row, run, resource))
        yield batch


def _span(row: Mapping[str, Any], run: str, resource: Any) -> "ReadableSpan":
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    about = row["order_ref"] or row["subject"]
    given = row["trace_id"] if _TRACE_ID.fullmatch(row["trace_id"] or "") else None
    trace_id = int(given, 16) if given else _number(16, run, about)
    failed = row["outcome"] == "unknown" or (row["status"] or 0) >= 500
    said = row["error"] or ("no reply" if row["status"] is None else None)
    return ReadableSpan(
        f"{row['method']} {row['operation']}",
        context=SpanContext(
            trace_id or 1, _number(8, run, row["call_id"]) or 1, is_remote=False, trace_flags=TraceFlags(1)
        ),
        resource=resource,
        attributes={key: value for key, value in _attributes(row).items() if value is not None},
        kind=SpanKind.SERVER,
        status=Status(StatusCode.ERROR, said) if failed else Status(StatusCode.UNSET),
        start_time=row["at_ns"],
        end_time=max(row["replied_ns"], row["at_ns"]),
    )


def _attributes(row: Mapping[str, Any]) -> dict[str, Any]:
    """The names of OpenTelemetry's conventions where there are any; null where there is nothing to say."""
    path, _, query = str(row["path"]).partition("?")
    return {
        "http.request.method": row["method"],
        "url.path": path,
        "url.query": query or None,
        "http.response.status_code": row["status"],
        "error.type": row["error"],
        "peakproof.call_id": row["call_id"],
        "peakproof.operation": row["operation"],
        "peakproof.subject": row["subject"],
        "peakproof.order_ref": row["order_ref"],
        "peakproof.attempt": row["attempt"],
        "peakproof.outcome": row["outcome"],
        "peakproof.committed": row["committed"],
        "peakproof.client": row["client"],
        "peakproof.idempotency_key": row["idempotency_key"],
        "peakproof.faults": row["faults"] or None,
    }


def _number(size: int, *parts: str) -> int:
    return int.from_bytes(blake2b("\0".join(parts).encode(), digest_size=size).digest())
