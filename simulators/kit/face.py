"""The HTTP dialect in front of a ledger: operations declared on FastAPI, and compiled so that a call costs little.

Each operation is one plain function with annotated parameters. FastAPI reads the signature and prints the OpenAPI
document; ``Face`` reads the same signature once and decodes, runs and encodes without FastAPI's per-request work
(measured: FastAPI's ordinary path costs three times the whole rest of a simulator).
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar, cast, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from fastapi import FastAPI, params
from pydantic import BaseModel, TypeAdapter, ValidationError

from ...chaos.fault import Call, Reply
from ...history.clock import rfc3339
from .auth import SCOPES, Authenticator, TokenRefused
from .idempotency import KEY_IN_USE, KEY_INVALID, KEY_REQUIRED, KEY_REUSED, IdempotencyStore
from .ledger import Cause, World
from .refusal import (
    INVALID,
    NOT_FOUND,
    PRECONDITION_FAILED,
    PRECONDITION_REQUIRED,
    Refusal,
    Refused,
)
from .wire import PROBLEM_TYPES, ListQuery, Page, Problem, etag

UNAUTHENTICATED = Refusal("unauthenticated", 401, "This call needs a valid access token.")
FORBIDDEN = Refusal("forbidden", 403, "This token may not do that.", permanent=True)
NO_SUCH_PATH = Refusal("no_such_path", 404, "There is nothing at this path.", permanent=True)
NO_SUCH_METHOD = Refusal("method_not_allowed", 405, "This path does not know the method.", permanent=True)
MALFORMED = Refusal("malformed_body", 400, "The body is not the JSON it should be.", permanent=True)
TOO_LARGE = Refusal("body_too_large", 413, "The body is larger than this system takes.", permanent=True)
UNSUPPORTED = Refusal("unsupported_media_type", 415, "The body must be application/json.", permanent=True)
FORM_REQUIRED = Refusal(
    "form_required", 415, "The body must be application/x-www-form-urlencoded.", permanent=True
)
THROTTLED = Refusal("throttled", 429, "Too many calls; wait as long as Retry-After says.")
UNAVAILABLE = Refusal("unavailable", 503, "The system is down for the moment.")
BROKEN = Refusal("internal_error", 500, "The simulator itself failed.")

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
ANY_SEGMENT = "/"
METHODS = "//"
"""Keys of the router that no segment of a path can be: a segment holds no slash."""
PROBLEM_JSON = "application/problem+json"
CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "How to sign in."}}

_encode = msgspec.json.Encoder(decimal_format="string").encode

Handler = TypeVar("Handler", bound=Callable[..., Any])
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route returns when a document alone does not say it all."""

    document: Any
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Operation:
    """One endpoint, compiled: how to decode its call, run it and encode its answer."""

    name: str
    method: str
    path: str
    status: int
    scope: str | None
    changes: bool
    keyed: bool
    """Honours ``Idempotency-Key``."""
    secret: bool
    """Bodies hold credentials and are never recorded."""
    handler: Callable[..., Any]
    order_ref: Callable[..., str | None] | None
    sku: Callable[..., str | None] | None
    items: Callable[..., list[str]] | None
    body: tuple[str, Callable[[bytes], Any]] | None = None
    """Parameter name, and what reads its JSON."""
    query: tuple[str, Callable[[dict[str, str]], Any]] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Parameter name and header name."""
    raw: bool = False
    """Takes the call and returns a reply as it is."""
    parts: "_Parts | None" = None
    """Of the document that it returns."""


@dataclass(slots=True)
class Decoded:
    """A call's arguments, or why there are none; what a fault sees as ``about`` and leaves alone."""

    operation: Operation | None
    arguments: dict[str, Any] = field(default_factory=dict)
    refused: Refused | None = None
    scopes: frozenset[str] = frozenset()
    key: str | None = None
    """Of idempotency."""


class Face:
    """One system's operations. Declare with ``get``, ``post``, ``put``, ``patch`` and ``delete``."""

    def __init__(
        self,
        system: str,
        *,
        title: str,
        description: str,
        world: World,
        authenticator: Authenticator,
        idempotency: IdempotencyStore,
        deprecation: Mapping[str, str] | None = None,
        page_items: int | None = None,
    ) -> None:
        """``page_items`` is what a page of a list holds at most, however many are asked for."""
        self.system = system
        self._page_items = page_items
        self.world = world
        self.authenticator = authenticator
        self.idempotency = idempotency
        self.app = FastAPI(
            title=title,
            description=description,
            version="1",
            docs_url=None,
            redoc_url=None,
            separate_input_output_schemas=False,
        )
        self.operations: dict[str, Operation] = {}
        self._undocumented: list[tuple[Operation, tuple[Refusal, ...], dict[str, Any] | None]] = []
        """FastAPI takes its time over a declaration, so it is told of them when the document is asked for."""
        self._router: dict[str, Any] = {}
        self._version_headers = tuple((deprecation or {}).items())
        """``Deprecation`` and ``Sunset`` when the version is set to go (RFC 9745, RFC 8594)."""
        self.errors: list[str] = []
        """Our own failures; a run with any is inconclusive."""
        self._declare_token_endpoint()

    # Declaring

    def get(self, path: str, **how: Any) -> Callable[[Handler], Handler]:
        return self.operation("GET", path, **how)

    def post(self, path: str, **how: Any) -> Callable[[Handler], Handler]:
        return self.operation("POST", path, **how)

    def put(self, path: str, **how: Any) -> Callable[[Handler], Handler]:
        return self.operation("PUT", path, **how)

    def patch(self, path: str, **how: Any) -> Callable[[Handler], Handler]:
        return self.operation("PATCH", path, **how)

    def delete(self, path: str, **how: Any) -> Callable[[Handler], Handler]:
        return self.operation("DELETE", path, **how)

    def operation(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        refuses: tuple[Refusal, ...] = (),
        scope: str | None = "",
        order_ref: Callable[..., str | None] | None = None,
        sku: Callable[..., str | None] | None = None,
        items: Callable[..., list[str]] | None = None,
        keyed: bool | None = None,
        changes: bool | None = None,
        secret: bool = False,
        raw: bool = False,
        openapi_extra: dict[str, Any] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare one endpoint; the function's name is its ``operationId``.

        ``order_ref``, ``sku`` and ``items`` take the function's own arguments and say what a call is about.
        """
        changes = method != "GET" if changes is None else changes
        if scope == "":
            scope = "write" if changes else "read"
        if scope is not None and scope not in SCOPES:
            raise ValueError(f"{method} {path}: scope {scope!r} is none of {', '.join(SCOPES)}")

        def declare(handler: Handler) -> Handler:
            operation = Operation(
                name=handler.__name__,
                method=method,
                path=path,
                status=status,
                scope=scope,
                changes=changes,
                keyed=method == "POST" if keyed is None else keyed,
                secret=secret,
                handler=handler,
                order_ref=order_ref,
                sku=sku,
                items=items,
                raw=raw,
            )
            if not raw:
                _compile(operation)
            self._route(operation)
            self.operations[operation.name] = operation
            self._undocumented.append((operation, refuses, openapi_extra))
            return handler

        return declare

    # Answering

    def find(self, method: str, path: str) -> tuple[Operation | None, dict[str, str], Refused | None]:
        """The operation at a path with its path parameters; a refusal where there is none."""
        node = self._router
        values: list[str] = []
        for segment in path.split("/")[1:]:
            below = node.get(segment)
            if below is None:
                below = node.get(ANY_SEGMENT)
                if below is None or not segment:
                    return None, {}, NO_SUCH_PATH.because(f"{path} is not a path of {self.system}")
                values.append(segment)
            node = below
        methods = node.get(METHODS)
        if methods is None:
            return None, {}, NO_SUCH_PATH.because(f"{path} is not a path of {self.system}")
        found = methods.get(method)
        if found is None:
            allowed = ", ".join(sorted(methods))
            return None, {}, NO_SUCH_METHOD.because(f"{path} knows {allowed}, not {method}", allow=allowed)
        operation, names = found
        return operation, dict(zip(names, values, strict=True)) if names else {}, None

    def decode(
        self,
        operation: Operation,
        path_values: dict[str, str],
        query: bytes,
        headers: dict[str, str],
        body: bytes,
    ) -> Decoded:
        """The arguments of a call. Never raises: what is wrong is kept and answered behind the gate."""
        arguments: dict[str, Any] = path_values
        try:
            for value in path_values.values():
                if len(value) > 200:
                    raise INVALID.because("a path segment has more than 200 characters")
            if operation.body is not None:
                content_type = headers.get("content-type")
                if content_type != JSON and (body or content_type is not None):
                    _check_is_json(content_type)
                name, read = operation.body
                arguments[name] = read(body or b"null")
            if operation.query is not None:
                name, read_query = operation.query
                arguments[name] = read_query(_query(query) if query else {})
            for name, header in operation.headers:
                arguments[name] = headers.get(header)
        except ValidationError as error:
            return Decoded(operation, refused=_invalid(error))
        except (Refused, UnicodeDecodeError) as error:
            return Decoded(
                operation, refused=error if isinstance(error, Refused) else MALFORMED.because(str(error))
            )
        return Decoded(operation, arguments)

    def answer(self, call: Call) -> Reply:
        """Carry a call out; synchronous and whole, so that nothing comes between a check and its change."""
        decoded: Decoded = call.about
        operation = decoded.operation
        if operation is None:
            return self._refusal(decoded.refused or NOT_FOUND.because(call.path), "validation")
        if operation.scope is not None:
            if call.client is None:
                return self._refusal(
                    UNAUTHENTICATED.because("the access token is missing, unknown or expired"), "auth"
                )
            if operation.scope not in decoded.scopes:
                return self._refusal(
                    FORBIDDEN.because(f"{operation.name} needs scope {operation.scope!r}"), "auth"
                )
        if decoded.refused is not None:
            return self._refusal(decoded.refused, "validation")
        if not operation.keyed:
            return self._carry_out(operation, decoded, call)[0]
        client, key = call.client or "", decoded.key
        if key is not None and "replay_key" in self.world.rules and self.idempotency.knows(client, key):
            decided = self.world.decide("replay_key", call.subject)
            if decided is not None:
                self.idempotency.forget(client, key, decided["after_s"])
        try:
            claim = self.idempotency.claim(client, key, call.method, call.path, call.body)
        except Refused as refused:
            return self._refusal(refused, "ledger")
        if claim is not None and claim.first is not None:
            return _again(operation, claim.first)
        if claim is not None and (failed := self.world.decide("keep_answer", call.subject)) is not None:
            claim.first = error = self._failed(operation, decoded, call, failed)
            return error
        reply, first = self._carry_out(operation, decoded, call)
        if claim is not None and key is not None:
            if reply.committed or reply.permanent:
                claim.first = first
            else:
                self.idempotency.release(client, key)
        return reply

    def _failed(self, operation: Operation, decoded: Decoded, call: Call, failed: Mapping[str, Any]) -> Reply:
        """The 5xx that a key will answer with from now on, whether or not the call is carried out."""
        carried_out = self._carry_out(operation, decoded, call)[0].committed if failed["committed"] else False
        error = Refusal("internal_error", failed["status"], "The system failed.")
        reply = self._refusal(error.because("the request failed on the way"), "fault")
        return replace(reply, committed=carried_out)

    def _in_small_pages(self, arguments: dict[str, Any], call: Call) -> dict[str, Any]:
        """The arguments of a read, with a smaller page where the system caps it or an injection says so."""
        query = arguments.get("query")
        if not isinstance(query, ListQuery):
            return arguments
        decided = self.world.decide("page_size", call.subject)
        most = min(query.limit, self._page_items or query.limit, decided["items"] if decided else query.limit)
        return (
            arguments
            if most == query.limit
            else {**arguments, "query": query.model_copy(update={"limit": most})}
        )

    def _as_read(self, document: Any, call: Call) -> Any:
        """What a read shows: the truth, unless an injection lets it lag. Raises Refused."""
        world = self.world
        if isinstance(document, Page):
            decided = world.decide("read_list", call.subject)
            if decided is None:
                return document
            until = rfc3339(world.told() - round(decided["lag_s"] * 1e9))
            items = [item for item in document.items if getattr(item, "updated_at", "") <= until]
            return Page(items, document.next_cursor if len(items) == len(document.items) else None)
        decided = world.decide("read_document", call.subject) if world.past is not None else None
        if decided is None or world.past is None:
            return document
        stood = world.past.at(document, world.told() - round(decided["lag_s"] * 1e9))
        if stood is None:
            raise NOT_FOUND.because("there is no such document here yet")
        return stood

    async def answer_slowly(
        self, call: Call, service_s: float, sleep: Callable[[float], Awaitable[None]]
    ) -> Reply:
        """As ``answer``, with the system's own working time, in which a second call with the same key gets 409."""
        decoded: Decoded = call.about
        operation = decoded.operation
        if operation is None or not operation.keyed or call.client is None or decoded.refused is not None:
            await sleep(service_s)
            return self.answer(call)
        try:
            with self.idempotency.working(call.client, decoded.key):
                await sleep(service_s)
                return self.answer(call)
        except Refused as refused:
            return self._refusal(refused, "ledger")

    def _carry_out(
        self, operation: Operation, decoded: Decoded, call: Call
    ) -> "tuple[Reply, Reply | _AsItWas]":
        """The reply, and what is needed to give it again."""
        world = self.world
        before = world.cause
        world.cause = Cause(call.call_id, call.headers.get("traceparent"), at_ns=world.now())
        try:
            if operation.raw:
                reply: Reply = operation.handler(call)
                return reply, reply
            if (world.rules or self._page_items) and operation.scope == "read":
                document = self._as_read(
                    operation.handler(**self._in_small_pages(decoded.arguments, call)), call
                )
            else:
                document = operation.handler(**decoded.arguments)
        except Refused as refused:
            reply = self._refusal(refused, "ledger")
            return reply, reply
        except Exception as error:  # noqa: BLE001 - our own fault
            reply = self.broken(f"{call.call_id} {operation.name}", error)
            return reply, reply
        finally:
            world.cause = before
        headers = self._version_headers
        if type(document) is Answer:
            headers += document.headers
            document = document.document
        parts = operation.parts
        if parts is None:
            reply = _reply(operation, document, headers)
            return reply, reply
        reply = _reply(operation, document, (*headers, ("etag", etag(document))))
        return reply, (headers, *parts.read(document))

    def broken(self, what: str, error: Exception) -> Reply:
        """Our own failure: the caller gets a 500, and the run is inconclusive."""
        self.errors.append(f"{what}: {type(error).__name__}: {error}")
        return self._refusal(BROKEN.because("the simulator failed; this run is inconclusive"), "ledger")

    def _refusal(self, refused: Refused, refused_by: str) -> Reply:
        refusal = refused.refusal
        problem: dict[str, object] = {
            "type": PROBLEM_TYPES + refusal.code,
            "title": refusal.title,
            "status": refusal.status,
            "detail": refused.detail,
        }
        problem.update(refused.extensions)
        headers = [("content-type", PROBLEM_JSON)]
        if refusal is UNAUTHENTICATED:
            headers.append(("www-authenticate", f'Bearer realm="{self.system}", error="invalid_token"'))
        if refusal is NO_SUCH_METHOD:
            headers.append(("allow", str(problem.pop("allow"))))
        return Reply(
            refusal.status,
            _encode(problem),
            headers,
            error=refusal.code,
            refused_by=refused_by,
            permanent=refusal.permanent,
        )

    # The rest of declaring

    def _route(self, operation: Operation) -> None:
        node = self._router
        names = []
        for segment in operation.path.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                segment = ANY_SEGMENT
            node = node.setdefault(segment, {})
        node.setdefault(METHODS, {})[operation.method] = (operation, tuple(names))

    def _document(
        self, operation: Operation, refuses: tuple[Refusal, ...], openapi_extra: dict[str, Any] | None
    ) -> None:
        """Hand the declaration to FastAPI, with every refusal that this operation can answer."""
        can_refuse = [THROTTLED, UNAVAILABLE, *refuses]
        if operation.scope is not None:
            can_refuse += [UNAUTHENTICATED, FORBIDDEN]
        if operation.body is not None:
            can_refuse += [MALFORMED, UNSUPPORTED, INVALID]
        if operation.method != "GET":
            can_refuse.append(TOO_LARGE)
        if operation.query is not None or "{" in operation.path:
            can_refuse.append(INVALID)
        if "{" in operation.path:
            can_refuse.append(NOT_FOUND)
        if operation.keyed and operation.scope is not None:
            can_refuse += [KEY_IN_USE, KEY_REUSED, KEY_INVALID, KEY_REQUIRED]
        if operation.headers:
            can_refuse += [PRECONDITION_FAILED, PRECONDITION_REQUIRED]
        by_status: dict[int | str, dict[str, Any]] = {}
        for refusal in sorted(set(can_refuse), key=lambda refusal: (refusal.status, refusal.code)):
            entry = by_status.setdefault(
                refusal.status,
                {
                    "description": "",
                    "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                },
            )
            entry["description"] = f"{entry['description']} `{refusal.code}`: {refusal.title}".strip()
        for status in (429, 503):
            by_status[status]["headers"] = {
                "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}
            }
        if 401 in by_status:
            by_status[401]["headers"] = CHALLENGE
        extra: dict[str, Any] = dict(openapi_extra or {})
        if operation.scope is not None:
            extra.setdefault("security", [{"oauth2": [operation.scope]}, {"key": []}])
        if operation.keyed and operation.scope is not None:
            extra.setdefault("parameters", []).append(
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": False,
                    "description": "The same over all retries of one intent; quoted or bare.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                }
            )
        self.app.add_api_route(
            operation.path,
            operation.handler,
            methods=[operation.method],
            operation_id=operation.name,
            name=operation.name,
            status_code=operation.status,
            responses=by_status,
            response_model=None
            if operation.raw or operation.status == 204
            else _response_type(operation.handler),
            openapi_extra=extra,
        )

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document; what FastAPI adds for its own validation errors is taken out."""
        if self.app.openapi_schema is None:
            for declaration in self._undocumented:
                self._document(*declaration)
            self._undocumented.clear()
            document = self.app.openapi()
            components = document.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            schemas["Problem"] = TypeAdapter(Problem).json_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            components["securitySchemes"] = {
                "oauth2": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": "/oauth/token",
                            "scopes": {
                                "read": "Read documents.",
                                "write": "Change documents.",
                                "shop": "Shop.",
                            },
                        }
                    },
                },
                "key": {"type": "http", "scheme": "bearer", "description": "A static key."},
            }
            for methods in document["paths"].values():
                for described in methods.values():
                    answer = described["responses"].get("422", {})
                    reference = answer.get("content", {}).get(JSON, {}).get("schema", {}).get("$ref", "")
                    if reference.endswith("HTTPValidationError"):
                        del answer["content"][JSON]
        schema: dict[str, Any] = self.app.openapi_schema or {}
        return schema

    def _declare_token_endpoint(self) -> None:
        form = {
            "type": "object",
            "properties": {
                "grant_type": {"type": "string", "enum": ["client_credentials"]},
                "client_id": {"type": "string"},
                "client_secret": {"type": "string"},
                "scope": {"type": "string"},
            },
            "required": ["grant_type"],
        }

        def issue_token(call: Call) -> Reply:
            """An access token for client credentials, in the form or by HTTP Basic (RFC 6749 section 4.4)."""
            content_type = call.headers.get("content-type")
            if content_type is None or _media_type(content_type)[0] != FORM:
                return self._refusal(FORM_REQUIRED.because(_said(content_type)), "validation")
            try:
                token = self.authenticator.issue(call.body, call.headers.get("authorization"))
            except TokenRefused as refused:
                body = _encode({"error": refused.code, "error_description": str(refused)})
                headers = [("content-type", JSON), ("cache-control", "no-store")]
                if refused.status == 401:
                    headers.append(("www-authenticate", f'Basic realm="{self.system}"'))
                return Reply(
                    refused.status,
                    body,
                    headers,
                    error=refused.code,
                    refused_by="auth",
                    permanent=refused.status == 400,
                )
            return Reply(
                200, _encode(token), [("content-type", JSON), ("cache-control", "no-store")], committed=True
            )

        token_error = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
        refused = {"description": "RFC 6749 section 5.2.", "content": {JSON: {"schema": token_error}}}
        answer = {
            "type": "object",
            "properties": {
                "access_token": {"type": "string"},
                "token_type": {"type": "string", "enum": ["Bearer"]},
                "expires_in": {"type": "integer", "description": "Seconds."},
                "scope": {"type": "string"},
            },
            "required": ["access_token", "token_type", "expires_in", "scope"],
        }
        self.operation(
            "POST",
            "/oauth/token",
            scope=None,
            keyed=False,
            changes=False,
            secret=True,
            raw=True,
            refuses=(FORM_REQUIRED,),
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {FORM: {"schema": form}},
                },
                "parameters": [],
                "responses": {
                    "200": {"description": "A token.", "content": {JSON: {"schema": answer}}},
                    "400": refused,
                    "401": {**refused, "headers": CHALLENGE},
                },
            },
        )(_as_route(issue_token))


def _as_route(raw: Callable[[Call], Reply]) -> Callable[..., Any]:
    """FastAPI must not read a raw route's parameter as part of the request; only its name and docstring count."""
    raw.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
    return raw


def _response_type(handler: Callable[..., Any]) -> Any:
    hints = get_type_hints(handler, include_extras=True)
    return hints.get("return")


def _compile(operation: Operation) -> None:
    """Read the function's signature once: which argument is the body, the query, a header, a path segment.

    A body is read strictly: JSON has types, and ``"2"`` or ``true`` is no number. A query has only text.
    """
    hints = get_type_hints(operation.handler, include_extras=True)
    headers = []
    for name in inspect.signature(operation.handler).parameters:
        hint = hints[name]
        marks = getattr(hint, "__metadata__", ())
        if f"{{{name}}}" in operation.path:
            continue
        if any(isinstance(mark, params.Header) for mark in marks):
            headers.append((name, name.replace("_", "-")))
        elif any(isinstance(mark, params.Query) for mark in marks):
            operation.query = (name, TypeAdapter(hint.__origin__).validator.validate_python)
        elif hasattr(hint, "__dataclass_fields__") or (
            (isinstance(hint, type) and issubclass(hint, BaseModel)) or get_origin(hint) is not None
        ):
            operation.body = (name, partial(TypeAdapter(hint).validator.validate_json, strict=True))
        else:
            raise TypeError(f"{operation.name}: parameter {name!r} is no path segment, query, header or body")
    operation.headers = tuple(headers)
    operation.parts = _parts_of(hints.get("return"))


@dataclass(frozen=True, slots=True)
class _Parts:
    """The fields of one type of document."""

    names: tuple[str, ...]
    read: Callable[[Any], tuple[Any, ...]]


_AsItWas = tuple[Any, ...]
"""A document as the first answer showed it: its headers, then its values.

The values are kept and not the bytes: they never change in place and most are shared with the document of today, while
the bytes would double what a system holds.
"""


def _again(operation: Operation, first: Reply | _AsItWas) -> Reply:
    """The first answer once more."""
    if isinstance(first, Reply):
        reply = replace(first, headers=[*first.headers, ("idempotent-replayed", "true")])
    else:
        headers, *values = first
        names = operation.parts.names if operation.parts is not None else ()
        document = dict(zip(names, values, strict=True))
        etag_then = ("etag", f'"v{document["version"]}"')
        reply = _reply(operation, document, (*headers, etag_then, ("idempotent-replayed", "true")))
    reply.committed, reply.replayed = False, True
    return reply


def _parts_of(kind: Any) -> _Parts | None:
    """None for what is no document of a collection."""
    if not is_dataclass(kind):
        return None
    names = tuple(field.name for field in fields(kind))
    return _Parts(names, attrgetter(*names)) if {"version", "updated_at"} <= {*names} else None


def _reply(operation: Operation, document: Any, headers: tuple[tuple[str, str], ...]) -> Reply:
    if document is None:
        return Reply(operation.status, b"", list(headers), committed=operation.changes)
    return Reply(
        operation.status,
        _encode(document),
        [("content-type", JSON), *headers],
        committed=operation.changes,
    )


def _check_is_json(content_type: str | None) -> None:
    """Refuse a body that does not say it is JSON, as most vendors do, and one in another charset than UTF-8."""
    if content_type is not None:
        media_type, charset = _media_type(content_type)
        if media_type == JSON and charset in (None, "utf-8", "utf8"):
            return
    raise UNSUPPORTED.because(f"{_said(content_type)}; send {JSON}, which is UTF-8")


def _said(content_type: str | None) -> str:
    return "there is no Content-Type" if content_type is None else f"Content-Type is {content_type[:80]!r}"


def _media_type(content_type: str) -> tuple[str, str | None]:
    """Media type and charset of a ``Content-Type``, in small letters."""
    media_type, *parameters = content_type.lower().split(";")
    charset = None
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            charset = value.strip().strip('"')
    return media_type.strip(), charset


def _query(raw: bytes) -> dict[str, str]:
    return dict(parse_qsl(raw.decode(), keep_blank_values=True))


def _invalid(error: ValidationError) -> Refused:
    """400 where the body is no JSON at all, 422 where it is not what was expected; the first error in words."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return MALFORMED.because(first["msg"])
    detail = f"{where or 'body'}: {_words(first['msg'])}"
    listed = [{"field": ".".join(str(p) for p in e["loc"]), "message": _words(e["msg"])} for e in errors[:20]]
    return INVALID.because(detail, errors=listed)


def _words(message: str) -> str:
    """What a validator of ours said, without the library's own word for it."""
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def found(document: T | None, what: str) -> T:
    """The document, or ``not_found``."""
    if document is None:
        raise NOT_FOUND.because(f"there is no {what}")
    return document


def accepted(document: T, job_id: str) -> T:
    """A 202: the document with the place where its job can be polled."""
    answer = Answer(document, (("location", f"/v1/jobs/{job_id}"),))
    return cast(T, answer)
