"""The benchmark beside the mock servers of others: its table, who is left out and why, and that it runs without any."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from peakproof.loadtests.bench.comparison import (
    BARE,
    ESTATE,
    Round,
    compared,
    kept_to,
    measure_peers,
    processors,
    rotated,
    table,
)
from peakproof.loadtests.bench.peers import PEERS
from peakproof.loadtests.bench.peers.peer import Conduct, NotCompared, Peer, PeerServer, ReadsBack
from peakproof.loadtests.bench.servers import Answers

ANSWERS = Answers(
    b'{"sales_order_id":"SO-1","order_ref":"web-1"}', (), b'{"sales_order_id":"SO-1","order_ref":"web-1"}', ()
)
KEEPING = """
    import json, sys
    from http.server import BaseHTTPRequestHandler, HTTPServer

    kept = []

    class Orders(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            kept.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.answer(201, {**kept[-1], "sales_order_id": len(kept)})

        def do_GET(self):
            number = int(self.path.rpartition("/")[2])
            self.answer(200, {**kept[number - 1], "sales_order_id": number})

        def answer(self, status, document):
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\\r\\n%b\\r\\n0\\r\\n\\r\\n" % (len(body), body))

        def log_message(self, *_):
            pass

    HTTPServer(("127.0.0.1", int(sys.argv[1])), Orders).serve_forever()
"""


def python(name: str, code: str) -> Peer:
    """A peer of a few lines."""

    def options(folder: Path, port: int, _: Answers) -> list[str]:
        (folder / "peer.py").write_text(dedent(code))
        return [str(folder / "peer.py"), str(port)]

    return Peer(name, sys.executable, options, warm_up_s=0.05)


# The table

CANNED = Conduct(checks=False, reads_back=ReadsBack.SAME)
WHOLE = Conduct(checks=True, reads_back=ReadsBack.ORDER)


def rounds(*orders_per_s: float) -> list[Round]:
    """With a server that was busy all the time."""
    return [Round(rate, 1e6 / rate, 5.0) for rate in orders_per_s]


TOLD = """\
server               orders/s  of bare  CPU us/order  of bare   p99 ms  checks  reads back
bare                    10000    1.000           100      1.0      5.0  no      the same for all
erp                      4000    0.400           250      2.5      5.0  yes     that order
WireMock, canned         3000    0.300           333      3.3      5.0  no      the same for all
mountebank               2000    0.200           500      5.0      5.0  no      that order
WireMock                 1000    0.100          1000     10.0      5.0  yes     its reference only
create an order of 989 bytes and read it back, 32 connections, 3 interleaved rounds of 2 s each
each server on one processor, the client on another
on 2 processors that 0.5 processes wanted before it began
not compared: Prism (no prism on PATH)
the simulator: 2.00 x the orders a second of mountebank, the fastest here that reads back what was posted (at least 1.5), and 2.00 x those for each second of processor time
the simulator: 1.33 x the orders a second of WireMock, canned, the fastest here, whatever it does, and 1.33 x those for each second of processor time"""


def test_the_table_says_who_is_how_fast_and_does_what_and_who_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    comparison = compared(
        {
            BARE: rounds(10_000, 20_000, 8_000),
            ESTATE: rounds(4_000, 8_000, 3_200),
            "WireMock": rounds(1_000, 1_000, 1_000),
            "WireMock, canned": rounds(3_000, 3_000, 3_000),
            "mountebank": rounds(2_000, 4_000, 1_500),
        },
        seconds=2.0,
        connections=32,
        conduct={
            BARE: CANNED,
            ESTATE: WHOLE,
            "WireMock": Conduct(checks=True, reads_back=ReadsBack.REFERENCE),
            "WireMock, canned": CANNED,
            "mountebank": Conduct(checks=False, reads_back=ReadsBack.ORDER),
        },
        not_compared={"Prism": "no prism on PATH"},
        load_before=0.5,
        apart=True,
    )
    assert table(comparison) == TOLD


def test_ratios_are_within_one_round_so_that_a_slow_machine_moves_them_little() -> None:
    """Between the rounds the machine became ten times slower."""
    comparison = compared(
        {BARE: rounds(10_000, 1_000), ESTATE: rounds(4_000, 400), "Prism": rounds(1_000, 100)},
        seconds=1.0,
        connections=1,
        conduct={BARE: CANNED, ESTATE: WHOLE, "Prism": Conduct(checks=True, reads_back=ReadsBack.SAME)},
        not_compared={},
        load_before=0.0,
        apart=False,
    )
    assert [one.of_bare for one in comparison.standings] == pytest.approx([1.0, 0.4, 0.1])
    assert comparison.to_fastest_keeping is None
    assert comparison.to_fastest is not None
    assert comparison.to_fastest.orders_per_s == pytest.approx(4.0)


def test_everybody_goes_first_in_some_round() -> None:
    assert [rotated(["a", "b", "c"], number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux says who runs where")
def test_whoever_starts_meanwhile_is_kept_to_the_same_processors(tmp_path: Path) -> None:
    servers_on, client_on = processors()
    before = os.sched_getaffinity(0)
    code = "import os; print(sorted(os.sched_getaffinity(0)))"
    with kept_to(servers_on):
        child = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        with kept_to(client_on):
            assert os.sched_getaffinity(0) == client_on
    assert child.stdout.strip() == str(sorted(servers_on))
    assert os.sched_getaffinity(0) == before
    with kept_to(set()):
        assert os.sched_getaffinity(0) == before


# Who is compared


def test_without_any_peer_the_simulator_is_beside_the_bare_server_and_all_are_named() -> None:
    ghost = Peer("Ghost", "no-such-program", lambda *_: [])
    jar = Peer("Jar", sys.executable, lambda *_: [], jar="ghost*.jar")
    comparison = measure_peers(rounds=1, seconds=0.05, connections=2, peers=[ghost, jar], warm_up_s=0.05)
    assert {one.name: one.conduct for one in comparison.standings} == {BARE: CANNED, ESTATE: WHOLE}
    assert all(one.orders_per_s > 0 and one.cpu_us > 0 for one in comparison.standings)
    assert comparison.not_compared == {
        "Ghost": "no no-such-program on PATH",
        "Jar": "no folder with ghost*.jar was named",
    }
    assert table(comparison).endswith("no peer was compared")


def test_a_peer_is_found_in_the_folder_or_where_npm_puts_it(tmp_path: Path) -> None:
    binary = tmp_path / "node_modules" / ".bin" / "orders"
    jar = tmp_path / "node_modules" / "orders" / "build" / "orders-1.2.jar"
    for path in (binary, jar):
        path.parent.mkdir(parents=True)
        path.touch(0o755)
    assert Peer("A", "orders", lambda *_: []).command(tmp_path) == [str(binary)]
    assert Peer("A", "orders", lambda *_: [], "orders-*.jar").command(tmp_path) == [
        str(binary),
        "-jar",
        str(jar),
    ]
    with pytest.raises(NotCompared, match=r"^no other on PATH or in "):
        Peer("B", "other", lambda *_: []).command(tmp_path)


def test_what_a_peer_reads_back_is_seen_whoever_sends_it_in_chunks() -> None:
    comparison = measure_peers(
        rounds=1, seconds=0.05, connections=1, peers=[python("Keeping", KEEPING)], warm_up_s=0.05
    )
    (peer,) = [one for one in comparison.standings if one.name == "Keeping"]
    assert peer.conduct == Conduct(checks=False, reads_back=ReadsBack.ORDER)
    assert peer.orders_per_s > 0
    assert comparison.to_fastest_keeping is not None
    assert comparison.to_fastest_keeping.peer == "Keeping"


def test_a_peer_that_ends_is_left_out_with_its_last_words() -> None:
    with pytest.raises(NotCompared, match=r"^it ended by itself: no such option$"):
        PeerServer(python("Ending", "import sys; sys.exit('no such option')"), None, ANSWERS)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_that_this_machine_has_takes_an_order(peer: Peer) -> None:
    try:
        peer.command(None)
    except NotCompared as why:
        pytest.skip(str(why))
    with PeerServer(peer, None, ANSWERS) as server:
        assert server.conduct == Conduct(
            checks=peer.name in ("Prism", "WireMock"),
            reads_back=ReadsBack.ORDER
            if peer.name in ("Mockoon", "mountebank", "json-server")
            else ReadsBack.REFERENCE
            if peer.name == "WireMock"
            else ReadsBack.SAME,
        )
