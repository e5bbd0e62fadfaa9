"""``python -m peakproof.middleware [--defect NAME] [--host ADDRESS] [--port N]``: serve the reference middleware."""

import argparse
import gc
import logging
import sys
from dataclasses import replace
from typing import Any

import uvicorn

from . import do_nothing
from .app import build
from .decoys import DECOYS
from .defects import DEFECTS, DO_NOTHING, policies_of
from .policies import Policies
from .service import Service
from .settings import Settings, SettingsError


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m peakproof.middleware", description=__doc__)
    parser.add_argument(
        "--defect",
        metavar="NAME[+NAME...]",
        help="; ".join(f"{name}: {defect.sentence}" for name, defect in DEFECTS.items()),
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="instead of the environment's PORT")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = Settings.read()
    except SettingsError as error:
        print(f"peakproof.middleware: {error}", file=sys.stderr)
        return 2
    if chosen.port is not None:
        settings = replace(settings, port=chosen.port)
    if chosen.defect == DO_NOTHING:
        _serve(do_nothing.app, chosen.host, settings.port)
        return 0
    try:
        policies = policies_of(chosen.defect) if chosen.defect else Policies()
    except KeyError as error:
        parser.error(
            f"argument --defect: {error.args[0]!r} is none; choose from {', '.join((*DEFECTS, *DECOYS))}"
        )
    except ValueError as error:
        parser.error(f"argument --defect: {error}")
    _serve(build(Service(settings, policies)), chosen.host, settings.port)
    return 0


def _serve(app: Any, host: str, port: int) -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        backlog=2048,
    )


if __name__ == "__main__":
    sys.exit(main())
