"""The copy of a pact that Pact's engine gets to play, and what it should have sent.

Every interaction gets a number in its description and its states, so that each request, state change and result
belongs to one; credentials that hold take the place of the example's; and nothing is left *pending*, for a pending
interaction may fail without anybody noticing.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from .pact_file import Interaction, Pact

MARK = "|"
UNAUTHENTICATED = 401
TOKEN_PATH = "/oauth/token"
EXPRESSION = re.compile(r"\$\{([^}]*)\}")
MATCHES = re.compile(r"^(\d+)\|(.*)$", re.DOTALL)


def copy_of(pact: Pact, numbers: Mapping[int, int], provider: str, credential: str | None) -> dict[str, Any]:
    """The pact as the engine is to play it; ``numbers`` are those of its interactions by place, others are left out.

    Without ``credential`` requests show what they show.
    """
    played = dict(copy.deepcopy(dict(pact.document)))
    played["provider"] = {"name": provider}
    for key in ("interactions", "messages", "_links"):
        played.pop(key, None)
    for place, number in numbers.items():
        told = copy.deepcopy(dict(pact.told[place]))
        told["description"] = f"{number}{MARK}{told['description']}"
        told.pop("pending", None)
        _mark_states(told, number)
        interaction = pact.interactions[place]
        if credential is not None and needs_credentials(interaction):
            _authorise(told["request"], credential, in_lists=pact.version.startswith("4"))
        key = (
            "messages"
            if interaction.kind == "message" and not pact.version.startswith("4")
            else "interactions"
        )
        played.setdefault(key, []).append(told)
    return played


def split(marked: str) -> tuple[int, str] | None:
    """Number and text of what carries a mark."""
    found = MATCHES.match(marked)
    return (int(found[1]), found[2]) if found else None


def needs_credentials(interaction: Interaction) -> bool:
    """Whether the simulator has to know the caller for the answer that is expected."""
    if interaction.kind != "http" or interaction.path == TOKEN_PATH:
        return False
    return interaction.status != UNAUTHENTICATED


def shows_credentials(interaction: Interaction) -> bool:
    """Whether the consumer's own request shows any."""
    headers = interaction.request.headers if interaction.request is not None else {}
    return any(name.lower() == "authorization" for name in headers)


def _mark_states(told: dict[str, Any], number: int) -> None:
    """Of an interaction that has both a list and a single state, the engine takes the list; so does ``pact_file``."""
    states = told.pop("providerStates", None)
    single = told.pop("providerState", None) or told.pop("provider_state", None) or ""
    if isinstance(states, list) and states:
        told["providerStates"] = [{**state, "name": f"{number}{MARK}{state['name']}"} for state in states]
    else:
        told["providerState"] = f"{number}{MARK}{states if isinstance(states, str) else single}"


def _authorise(request: dict[str, Any], credential: str, *, in_lists: bool) -> None:
    headers = {
        name: value
        for name, value in (request.get("headers") or {}).items()
        if name.lower() != "authorization"
    }
    value = f"Bearer {credential}"
    request["headers"] = {**headers, "Authorization": [value] if in_lists else value}
    generators = request.get("generators")
    if isinstance(generators, Mapping) and isinstance(generators.get("header"), Mapping):
        kept = {name: one for name, one in generators["header"].items() if name.lower() != "authorization"}
        request["generators"] = {**generators, "header": kept}


# What generators promise


def promised(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every value that a provider state is to give to the request, as (part, name, expression)."""
    yield from _expressions(told.get("request") or {})


def names_wanted(told: Mapping[str, Any]) -> set[str]:
    """The values that an interaction, request and response alike, takes from its states."""
    sides = [told.get("request") or {}, told.get("response") or {}, told]
    return {
        name
        for side in sides
        for _, _, expression in _expressions(side)
        for name in EXPRESSION.findall(expression) or [expression]
    }


def filled(expression: str, values: Mapping[str, Any]) -> str:
    """The expression with the values that the states gave."""
    if not EXPRESSION.search(expression):
        return str(values.get(expression))
    return EXPRESSION.sub(lambda found: str(values.get(found[1])), expression)


def sent(part: str, name: str, path: str, query: bytes, headers: Mapping[str, str], body: Any) -> str | None:
    """What a request that arrived says at the place of a generator; None where it says nothing."""
    if part == "path":
        return path
    if part == "query":
        values = parse_qs(query.decode()).get(re.sub(r"\[\d+\]$", "", name.removeprefix("$.")).strip("[]'"))
        return values[0] if values else None
    if part in ("header", "headers"):
        return headers.get(name.lower())
    value = body
    for key, index in re.findall(r"\.([A-Za-z_][\w-]*)|\[['\"]?([^\]'\"]+)['\"]?\]", name):
        try:
            value = value[key or (int(index) if index.isdigit() and isinstance(value, list) else index)]
        except (KeyError, IndexError, TypeError):
            return None
    return str(value)


def _expressions(side: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    generators = side.get("generators")
    if not isinstance(generators, Mapping):
        return
    for part, told in generators.items():
        if not isinstance(told, Mapping):
            continue
        named = {"": told} if "type" in told else told
        for name, one in named.items():
            if isinstance(one, Mapping) and one.get("type") == "ProviderState":
                yield part, name, str(one.get("expression", ""))
