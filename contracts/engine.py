"""Pact's own engine in a process of its own: it crashes after a fork, and writes to the file descriptor of stdout.

``python -m peakproof.contracts.engine JOB OUT``: JOB is a JSON file of :class:`Job` values, OUT is written with what
the engine says of each. Nobody imports this module, for it imports the engine.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from pact import Verifier


def main(job_file: str, out_file: str) -> int:
    """Verify every job; whether its interactions agree or not is for others to say."""
    said = [_verify(job) for job in json.loads(Path(job_file).read_text("utf-8"))]
    Path(out_file).write_text(json.dumps(said), "utf-8")
    return 0


def _verify(job: dict[str, Any]) -> dict[str, Any]:
    verifier = (
        Verifier(job["provider"], host="127.0.0.1")
        .add_transport(url=job["url"])
        .add_transport(protocol="message", port=job["desk_port"], path=job["message_path"])
        .state_handler(job["state_url"], teardown=True, body=True)
        .set_coloured_output(enabled=False)
        .set_request_timeout(job["timeout_ms"])
    )
    for path in job["pacts"]:
        verifier.add_source(path)
    with suppress(RuntimeError):  # some interaction does not agree; the results say which and why
        verifier.verify()
    return {"results": verifier.results}


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
