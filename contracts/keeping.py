"""A verification is kept with a run, so that the run's report shows it beside the verdict."""

import json
import re
from pathlib import Path

from ..verdict.judge import read_verdict
from ..verdict.render.agreements import FOLDER
from ..verdict.report import write_reports
from ..verdict.written import written
from .errors import ContractsError
from .result import Verification


def keep(found: Verification, run_folder: Path) -> Path:
    """Write the result below the run's folder, and the report anew where the run was judged; returns the result's path.

    ContractsError where it cannot be written.
    """
    moment = re.sub(r"\D", "", str(found.verified_at)[:19]) or "undated"
    taken = len(list((run_folder / FOLDER).glob(f"{moment}-*.json")))
    try:
        (run_folder / FOLDER).mkdir(exist_ok=True)
        text = json.dumps(found.document(), indent=1, ensure_ascii=False)
        path = written(run_folder / FOLDER / f"{moment}-{taken + 1}.json", text)
    except OSError as problem:
        raise ContractsError(f"{run_folder}: the result cannot be kept there: {problem.strerror}") from None
    _report_anew(run_folder)
    return path


def _report_anew(run_folder: Path) -> None:
    try:
        verdict = read_verdict(run_folder)
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        raise ContractsError(
            f"{run_folder / 'verdict.json'} is damaged; the result was kept, and is shown once you judge the run again: "
            f"peakproof judge {run_folder}"
        ) from None
    write_reports(verdict, run_folder)
