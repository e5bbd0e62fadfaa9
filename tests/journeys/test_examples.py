"""The examples as a user would try them: first contact, then a short Black Friday, by the command."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from .command import peakproof

ROOT = Path(__file__).resolve().parents[2]

EXAMPLES = [
    pytest.param("python_order_to_erp", id="Python"),
    pytest.param(
        "node_order_to_erp",
        id="Node",
        marks=pytest.mark.skipif(
            shutil.which("node") is None, reason="there is no node on this machine's PATH"
        ),
    ),
    pytest.param(
        "java_order_to_erp",
        id="Java",
        marks=pytest.mark.skipif(
            shutil.which("javac") is None, reason="there is no JDK on this machine's PATH"
        ),
    ),
]


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "examples" / request.param, tmp_path / request.param))


@pytest.mark.parametrize("example", EXAMPLES, indirect=True)
def test_first_contact_sees_every_hop(example: Path) -> None:
    done = peakproof(example, "try", "--json")
    assert done.code == 0, done
    assert done.document["complete"]
    assert [hop["seen"] for hop in done.document["hops"]] == [True, True, True, True]


@pytest.mark.parametrize("example", EXAMPLES, indirect=True)
def test_a_short_black_friday_passes(example: Path) -> None:
    done = peakproof(example, "run", "--duration", "12", "--json")
    assert done.code == 0, done
    assert done.document["verdict"] == "pass"
    assert done.document["run"]["flows"] == ["order-to-erp"]
    assert all(fault["fired"] or fault["left_out"] for fault in done.document["faults"])
    with done.history() as history:
        others = history.rows(
            "SELECT kind, count(*) AS times FROM effects WHERE actor = 'stand-in' GROUP BY kind"
        )
    done_for_it = {row["kind"]: row["times"] for row in others}
    assert done_for_it["oms_order_created"] > 100
    assert done_for_it["payment_captured"] > 100
    assert "sales_order_received" not in done_for_it, "booking is its own flow"


@pytest.mark.parametrize("example", EXAMPLES, indirect=True)
def test_an_example_is_as_short_as_the_readme_says(example: Path) -> None:
    (source,) = example.glob("[mM]iddleware.*")
    lines = [line.strip() for line in source.read_text("utf-8").splitlines()]
    code = [line for line in lines if line and not line.startswith(("#", "//", "/**"))]
    said = re.findall(
        r"\[(Python|Node|Java)\]\(examples/(\w+)\) \((\d+) lines\)", (ROOT / "README.md").read_text("utf-8")
    )
    assert (example.name, f"{len(code)}") in {(name, lines) for _, name, lines in said}


def test_first_contact_names_the_first_hop_that_is_missing(tmp_path: Path) -> None:
    """A middleware that takes every webhook and does nothing."""
    example = Path(shutil.copytree(ROOT / "examples" / "python_order_to_erp", tmp_path / "lazy"))
    source = example / "middleware.py"
    whole = source.read_text("utf-8")
    lazy = whole.replace("urlopen(request, timeout=5).close()", "print(request)")
    assert lazy != whole
    source.write_text(lazy, "utf-8")
    done = peakproof(example, "try")
    assert done.code == 1, done
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "✓ a shopper bought on web: web-000001",
        "✓ your middleware took the webhook order.placed",
        "✗ missing: the ERP received the sales order",
    ]
    assert "/v1/sales-orders" in lines[3]
    assert lines[-2:] == [
        "  instead:  your middleware never called erp",
        "Next: see to it that your middleware does that, then peakproof try",
    ]


def test_a_middleware_that_dies_is_named_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "peakproof.toml").write_text(
        f"[sut]\ncommand = ['{sys.executable}', '-c', 'import sys; sys.exit(\"no database\")']\nflows = ['cancel']\n"
    )
    done = peakproof(tmp_path, "run", "quiet-day")
    assert done.code == 3, done
    assert done.stderr.splitlines()[-4:] == [
        "error: the system under test ended with exit code 1",
        "  | no database",
        f"all that it wrote is in runs/{done.folder.name}/sut.log",
        f"recorded in runs/{done.folder.name}",
    ]
    assert done.run["failed"] == "the system under test ended with exit code 1"
    assert (done.folder / "sut.log").read_text() == "no database\n"
