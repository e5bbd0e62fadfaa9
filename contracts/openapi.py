"""An OpenAPI document as this room looks at it: operations by method and path, references resolved."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .errors import ContractsError
from .schema import Schema, Side, pointed_at

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
VERSIONS = ("3.0", "3.1")


@dataclass(frozen=True, slots=True)
class Content:
    """What stands in a body, parameter or header."""

    required: bool
    schemas: Mapping[str, Side]
    """By media type; a parameter's own is ``""``."""


@dataclass(frozen=True, slots=True)
class Response:
    """One status that an operation may answer with."""

    headers: Mapping[str, Content]
    """By name in lower case."""
    content: Mapping[str, Side]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    """In upper case."""
    path: str
    name: str
    """Its operationId, or method and path."""
    parameters: Mapping[tuple[str, str], Content]
    """By place (``path``, ``query``, ``header``, ``cookie``) and name; those of the path by position, headers lower."""
    body: Content | None
    responses: Mapping[str, Response]
    security: tuple[Mapping[str, list[str]], ...]
    """Alternatives: scopes by scheme."""

    @property
    def title(self) -> str:
        at = f"{self.method} {self.path}"
        return at if self.name == at else f"{self.name} ({at})"


class Api:
    """Every operation of a document. Raises ContractsError for what is no OpenAPI 3 document."""

    def __init__(self, document: Mapping[str, Any], source: str) -> None:
        version = str(document.get("openapi", ""))
        if not version.startswith(VERSIONS):
            found = f"openapi is {version!r}" if version else "it has no key 'openapi'"
            raise ContractsError(f"{source}: {found}; expected an OpenAPI 3.1 (or 3.0) document")
        self.source = source
        self._document = document
        servers = document.get("servers") or [{}]
        self.base = urlsplit(servers[0].get("url", "")).path.rstrip("/")
        """The path that the first server puts before every other."""
        self.operations: dict[tuple[str, str], Operation] = {}
        """By method and path, whatever the names of its parameters are."""
        try:
            for one in self._read():
                self.operations[one.method, shape(one.path)] = one
        except ContractsError as error:
            raise ContractsError(f"{source}: {error}") from None
        except (AttributeError, KeyError, TypeError) as error:
            raise ContractsError(f"{source}: is no valid OpenAPI document: {error!r}") from None
        if not self.operations:
            raise ContractsError(
                f"{source}: names no operation under 'paths', so there is nothing to compare"
            )

    def matching(self, method: str, path: str) -> Operation | None:
        """The operation that serves this concrete path; a literal segment wins over a parameter."""
        inside = path[len(self.base) :] if self.base and path.startswith(self.base + "/") else path
        found = [
            one
            for (verb, _), one in self.operations.items()
            if verb == method.upper() and re.fullmatch(_pattern(one.path), inside)
        ]
        return min(found, key=lambda one: one.path.count("{"), default=None)

    def _read(self) -> Iterator[Operation]:
        for path, item in (self._document.get("paths") or {}).items():
            item = self._whole(item)
            for method in METHODS:
                if method in item:
                    yield self._operation(method.upper(), path, item[method], item.get("parameters", []))

    def _operation(
        self, method: str, path: str, told: Mapping[str, Any], shared: list[Mapping[str, Any]]
    ) -> Operation:
        positions = re.findall(r"\{([^}]*)\}", path)
        parameters: dict[tuple[str, str], Content] = {}
        for parameter in (*shared, *told.get("parameters", [])):
            one = self._whole(parameter)
            place, name = one["in"], one["name"]
            if place == "path":
                name = str(positions.index(name) + 1) if name in positions else name
            parameters[place, name.lower() if place == "header" else name] = self._content(one)
        body = self._whole(told["requestBody"]) if "requestBody" in told else None
        return Operation(
            method=method,
            path=path,
            name=told.get("operationId", f"{method} {path}"),
            parameters=parameters,
            body=None if body is None else self._content(body),
            responses={
                str(status): self._response(self._whole(one)) for status, one in told["responses"].items()
            },
            security=tuple(told.get("security", self._document.get("security", []))),
        )

    def _response(self, told: Mapping[str, Any]) -> Response:
        headers = {
            name.lower(): self._content(self._whole(one)) for name, one in told.get("headers", {}).items()
        }
        return Response(headers, self._content(told).schemas)

    def _content(self, told: Mapping[str, Any]) -> Content:
        def side(schema: Schema) -> Side:
            return Side(schema, self._document)

        schemas = {
            media.partition(";")[0].strip().lower(): side(one.get("schema", True))
            for media, one in told.get("content", {}).items()
        }
        if "schema" in told:
            schemas[""] = side(told["schema"])
        return Content(bool(told.get("required", False)), schemas)

    def _whole(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference stands for."""
        for _ in range(20):
            if "$ref" not in told:
                return told
            told = pointed_at(self._document, told["$ref"])
        raise ContractsError(f"$ref {told['$ref']!r} never ends")


def shape(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def _pattern(path: str) -> str:
    return "".join(
        "[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", path)
    )
