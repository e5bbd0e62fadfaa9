"""A run's calls as traces, as a collector gets them."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from peakproof.verdict import otlp
from peakproof.verdict.errors import VerdictError

from .histories import START_NS, call, history_of, no_reply

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector(HTTPServer):
    """Keeps what it is sent; answers with ``status``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.status = 200
        self.paths: list[str] = []
        self.spans: dict[str, Span] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            (service,) = [
                one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
            ]
            for scope in resource.scope_spans:
                self.server.spans |= {f"{service} {span.name}": span for span in scope.spans}
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output stays readable."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_every_call_is_a_span_of_its_system(collector: Collector) -> None:
    traced = msgspec.structs.replace(call(key="k1"), trace_id=TRACE)
    rows = [traced, no_reply(system="oms", operation="create_order"), call("capture", system="payments")]
    with history_of(rows) as history:
        assert otlp.export(history, collector.url) == 3
    assert collector.paths == ["/v1/traces"]
    spans = collector.spans
    assert set(spans) == {"erp POST create_sales_order", "oms POST create_order", "payments POST capture"}
    booked = spans["erp POST create_sales_order"]
    assert booked.trace_id.hex() == TRACE
    assert booked.start_time_unix_nano == START_NS + 1_000_000_000
    said = {one.key: one.value.string_value or one.value.int_value for one in booked.attributes}
    assert (said["http.response.status_code"], said["peakproof.order_ref"]) == (201, "A")
    lost = spans["oms POST create_order"]
    assert (lost.status.code, lost.status.message) == (2, "no reply")
    assert lost.trace_id == spans["payments POST capture"].trace_id, "calls about one order are one trace"


def test_a_long_run_is_sent_in_parts(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "SPANS_A_REQUEST", 2)
    with history_of([call() for _ in range(5)]) as history:
        assert otlp.export(history, f"{collector.url}/custom/traces") == 5
    assert collector.paths == ["/custom/traces"] * 3


def test_a_collector_that_refuses_is_named_with_its_reason(collector: Collector) -> None:
    collector.status = 400
    with (
        history_of([call()]) as history,
        pytest.raises(VerdictError, match=r"0 spans were taken, the next 1 were not: .*400"),
    ):
        otlp.export(history, collector.url)


@pytest.mark.parametrize("url", ["localhost:4318", "ftp://x", "http://", "http://x:99999"])
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with history_of([]) as history, pytest.raises(VerdictError, match=r"^--otlp "):
        otlp.export(history, url)
