"""A pact file of any language and of versions 2 to 4, read and checked, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self
from urllib.parse import parse_qs

from .errors import ContractsError

KINDS = {
    "Synchronous/HTTP": "http",
    "Asynchronous/Messages": "message",
    "Synchronous/Messages": "sync-message",
}
NO_BODY = object()


@dataclass(frozen=True, slots=True)
class State:
    """A provider state that an interaction needs."""

    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """The request or the response of an interaction."""

    headers: Mapping[str, list[str]]
    """As they are spelt."""
    body: Any
    """The example as JSON, or text; NO_BODY where the pact says nothing of it."""
    media_type: str


@dataclass(frozen=True, slots=True)
class Interaction:
    """One thing that a consumer does and what it then expects."""

    description: str
    states: tuple[State, ...]
    kind: Literal["http", "message", "sync-message"]
    method: str = ""
    path: str = ""
    query: Mapping[str, list[str]] | None = None
    request: Message | None = None
    status: int = 0
    response: Message | None = None
    """Of an event its contents, with its metadata as headers; None for synchronous messages."""

    @property
    def identity(self) -> tuple[str, tuple[str, ...]]:
        """What Pact tells interactions apart by."""
        return self.description, tuple(f"{state.name} {state.parameters}" for state in self.states)

    @property
    def expects_nothing(self) -> bool:
        """Of an event: neither contents nor metadata, so that any would do."""
        if self.kind != "message" or self.response is None:
            return False
        return self.response.body is NO_BODY and not set(self.response.headers) - {"content-type"}

    @property
    def title(self) -> str:
        given = " and ".join(state.name for state in self.states)
        return f"{self.description!r} given {given}" if given else repr(self.description)


@dataclass(frozen=True, slots=True)
class Pact:
    """One consumer's expectations of one provider."""

    consumer: str
    provider: str
    version: str
    interactions: tuple[Interaction, ...]
    source: str
    document: Mapping[str, Any]
    """As it was read."""
    told: tuple[Mapping[str, Any], ...]
    """Each interaction as it was read."""

    def only(self, wanted: Callable[[Interaction, Mapping[str, Any]], bool]) -> Self:
        """The same with some of its interactions, be it none."""
        kept = [pair for pair in zip(self.interactions, self.told, strict=True) if wanted(*pair)]
        return replace(self, interactions=tuple(one for one, _ in kept), told=tuple(told for _, told in kept))


def is_pact(document: Mapping[str, Any]) -> bool:
    """Whether a document means to be a pact."""
    return "consumer" in document and "provider" in document


def pact_of(document: Mapping[str, Any], source: str) -> Pact:
    """Raises ContractsError for what is no pact, holds no interaction, or the same interaction twice."""
    if not is_pact(document):
        raise ContractsError(f"{source}: is no pact: it names no consumer and provider")
    version = _version(document)
    if version[:1] not in ("2", "3", "4"):
        raise ContractsError(f"{source}: is a pact of version {version}; versions 2 to 4 are understood")
    try:
        found = tuple(_interactions(document, version[0]))
        consumer, provider = document["consumer"]["name"], document["provider"]["name"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ContractsError(f"{source}: is no valid pact of version {version}: {error!r}") from None
    if not found:
        raise ContractsError(f"{source}: holds no interaction, so it would prove nothing")
    identities: set[tuple[str, tuple[str, ...]]] = set()
    for one in found:
        if one.identity in identities:
            raise ContractsError(
                f"{source}: interaction {one.title} stands there twice; "
                "Pact takes them for one, so give each a description of its own"
            )
        identities.add(one.identity)
    told = (*document.get("interactions", ()), *document.get("messages", ()))
    return Pact(consumer, provider, version, found, source, document, told)


def _version(document: Mapping[str, Any]) -> str:
    metadata = document.get("metadata") or {}
    for key in ("pactSpecification", "pact-specification"):
        if isinstance(metadata.get(key), Mapping):
            return str(metadata[key].get("version", "2"))
    return str(metadata.get("pactSpecificationVersion", "2"))


def _interactions(document: Mapping[str, Any], version: str) -> list[Interaction]:
    found = []
    for told in document.get("interactions", []):
        kind = KINDS[told["type"]] if version == "4" else "http"
        found.append(_http(told, version) if kind == "http" else _message(told, kind, version))
    return found + [_message(told, "message", version) for told in document.get("messages", [])]


def _http(told: Mapping[str, Any], version: str) -> Interaction:
    request, response = told["request"], told["response"]
    query = request.get("query")
    if isinstance(query, str):
        query = parse_qs(query, keep_blank_values=True)
    elif query is not None:
        query = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
    return Interaction(
        description=told["description"],
        states=_states(told),
        kind="http",
        method=request["method"].upper(),
        path=request["path"],
        query=query,
        request=_part(request, version),
        status=int(response.get("status", 200)),
        response=_part(response, version),
    )


def _message(told: Mapping[str, Any], kind: Any, version: str) -> Interaction:
    contents = _contents(told, version) if kind == "message" else None
    return Interaction(told["description"], _states(told), kind, response=contents)


def _contents(told: Mapping[str, Any], version: str) -> Message:
    metadata = told.get("metadata") or told.get("metaData") or {}
    part: dict[str, Any] = {
        "headers": {
            "content-type" if name == "contentType" else name: value for name, value in metadata.items()
        }
    }
    contents = told.get("contents")
    if contents not in (None, "") and (version != "4" or contents.get("content") not in (None, "")):
        part["body"] = contents
    return _part(part, version)


def _states(told: Mapping[str, Any]) -> tuple[State, ...]:
    many = told.get("providerStates") or []
    one = many if isinstance(many, str) else told.get("providerState", told.get("provider_state"))
    if isinstance(many, list) and many:
        return tuple(State(state["name"], state.get("params") or {}) for state in many)
    return (State(one, {}),) if isinstance(one, str) and one else ()


def _part(told: Mapping[str, Any], version: str) -> Message:
    headers = {
        name: [str(one) for one in (value if isinstance(value, list) else [value])]
        for name, value in (told.get("headers") or {}).items()
    }
    body = told.get("body", NO_BODY)
    media = next((value[0] for name, value in headers.items() if name.lower() == "content-type"), "")
    if version == "4" and isinstance(body, Mapping) and "content" in body:
        media = media or str(body.get("contentType", ""))
        body = body["content"]
    if not media and isinstance(body, Mapping | list):
        media = "application/json"
    return Message(headers, body, media.partition(";")[0].strip().lower())
