"""json-server: a collection in memory; from a file of JSON it would write all of it anew for every order."""

from pathlib import Path

from ..servers import Answers
from .peer import Peer


def options(folder: Path, port: int, _: Answers) -> list[str]:
    """A collection that is empty at first."""
    (folder / "orders.js").write_text("module.exports = () => ({ 'sales-orders': [] })\n", "utf-8")
    named = ["--host", "127.0.0.1", "--port", str(port), "--id", "sales_order_id"]
    return [str(folder / "orders.js"), *named, "--quiet", "--no-gzip"]


JSON_SERVER = Peer("json-server", "json-server", options, path="/sales-orders")
