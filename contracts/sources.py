"""Where pacts come from: a folder, a file or a URL; and which of their interactions are meant."""

import re
from collections.abc import Iterable
from pathlib import Path

from .document import is_url, read
from .errors import ContractsError
from .pact_file import Pact, pact_of


def pacts_at(source: str) -> list[Pact]:
    """Every pact of a folder (``*.json``, at any depth), or the one at a path or URL.

    Raises ContractsError for a folder without any, a file that is none, and an interaction that stands in two files.
    """
    folder = Path(source)
    if is_url(source) or not folder.is_dir():
        return [_pact(source)]
    files = sorted(folder.rglob("*.json"))
    if not files:
        raise ContractsError(f"{source}: holds no .json file, so there is no pact to verify")
    found = [_pact(str(path)) for path in files]
    _check_unique(found)
    return found


def _pact(source: str) -> Pact:
    document = read(source)
    pact = pact_of(document, source)
    plugins = (document.get("metadata") or {}).get("plugins")
    if plugins:
        names = ", ".join(str(one.get("name", one)) for one in plugins if isinstance(one, dict))
        raise ContractsError(
            f"{source}: needs the Pact plugin {names}; only JSON over HTTP and messages are verified"
        )
    return pact


def _check_unique(pacts: Iterable[Pact]) -> None:
    seen: dict[object, str] = {}
    for pact in pacts:
        for one in pact.interactions:
            identity = (pact.consumer, pact.provider, one.identity)
            if identity in seen:
                raise ContractsError(
                    f"{pact.source}: interaction {one.title} stands in {seen[identity]} too; Pact takes them for one"
                )
            seen[identity] = pact.source


def chosen(
    pacts: list[Pact],
    consumers: Iterable[str] = (),
    providers: Iterable[str] = (),
    described: str | None = None,
) -> list[Pact]:
    """The pacts of these consumers and providers, with the interactions whose description ``described`` matches.

    Raises ContractsError where nothing is left: a filter that matches nothing proves nothing.
    """
    kept = pacts
    for what, wanted, names in (
        ("consumer", list(consumers), [pact.consumer for pact in pacts]),
        ("provider", list(providers), [pact.provider for pact in pacts]),
    ):
        for name in wanted:
            if name not in names:
                there = ", ".join(dict.fromkeys(names))
                raise ContractsError(f"--{what} {name!r}: no pact has this {what}; there is {there}")
        if wanted:
            kept = [pact for pact in kept if getattr(pact, what) in wanted]
    if described is not None:
        try:
            pattern = re.compile(described)
        except re.error as error:
            raise ContractsError(f"--interaction {described!r}: is no regular expression: {error}") from None
        kept = [pact.only(lambda one, told: pattern.search(one.description) is not None) for pact in kept]
        kept = [pact for pact in kept if pact.interactions]
    if not kept:
        asked = (
            "consumers and providers together match"
            if described is None
            else f"--interaction {described!r} matches"
        )
        raise ContractsError(f"{asked} no interaction, so nothing would be verified")
    return kept
