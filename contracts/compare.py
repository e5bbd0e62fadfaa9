"""Which differences break whom: between two versions of an API, or between what a consumer expects and an API.

A request breaks where the old version took something that the new one does not; a response breaks where the new version
may send something that the old one did not. More fields in a response, optional fields, parameters and headers in
a request, new operations and looser limits break nobody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .document import read
from .errors import ContractsError
from .openapi import Api, Content, Operation, Response
from .pact_file import NO_BODY, Interaction, Message, Pact, is_pact, pact_of
from .schema import Gap, Side, gaps, in_words, schema_of

ASKED = frozenset({"absent"})
"""Rules that a request is free of: what the new version takes besides."""
TOLD = frozenset({"field", "closed"})
"""Rules that a response is free of: what the new version sends besides."""
EXPECTED = frozenset({"absent", "required"})
"""Rules that an expectation is free of: it names what it reads, not all that may come."""
SELF_EVIDENT = frozenset({"content-type", "content-length", "date", "connection", "server", "vary"})
"""Response headers that an API document need not name."""
UNDOCUMENTED = frozenset({"accept", "authorization", "content-type", "user-agent", "host", "cookie"})
"""Request headers that an API document does not name (OpenAPI 3.1, section 4.8.12.1) or that security stands for."""


@dataclass(frozen=True, slots=True)
class Break:
    """One difference that breaks somebody."""

    operation: str
    where: str
    """E.g. ``request body $.priority`` or ``response 201``."""
    rule: str
    why: str
    """One sentence."""
    who: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing two documents."""

    old: str
    new: str
    operations: int
    """How many operations or interactions of the old side were looked at."""
    breaks: tuple[Break, ...]

    @property
    def exit_code(self) -> int:
        return 1 if self.breaks else 0

    def document(self) -> dict[str, Any]:
        """Schema ``peakproof/contracts-compare/1``."""
        return {
            "schema": "peakproof/contracts-compare/1",
            "old": self.old,
            "new": self.new,
            "examined": self.operations,
            "compatible": not self.breaks,
            "breaks": [
                {"operation": b.operation, "where": b.where, "rule": b.rule, "why": b.why, "who": b.who}
                for b in self.breaks
            ],
        }


def compare(old: str, new: str) -> Comparison:
    """Compare the documents at two paths or URLs: OpenAPI with OpenAPI, or a pact with OpenAPI. Raises ContractsError."""
    before, after = read(old), read(new)
    if is_pact(after):
        raise ContractsError(f"{new}: is a pact; NEW must be an OpenAPI document (a pact goes first, as OLD)")
    api = Api(after, new)
    if is_pact(before):
        pact = pact_of(before, old)
        return Comparison(old, new, _https(pact), tuple(breaks_of_pact(pact, api)))
    past = Api(before, old)
    return Comparison(old, new, len(past.operations), tuple(breaks_between(past, api)))


def _https(pact: Pact) -> int:
    count = sum(one.kind == "http" for one in pact.interactions)
    if not count:
        raise ContractsError(f"{pact.source}: holds messages only; an OpenAPI document says nothing of them")
    return count


# Two versions of an API


def breaks_between(old: Api, new: Api) -> Iterator[Break]:
    """Every difference that breaks a caller of ``old``."""
    if old.base != new.base:
        why = f"the base path was {old.base or '/'} and is {new.base or '/'}"
        yield Break("every operation", "servers", "base-path", why, "every caller")
    for key, before in old.operations.items():
        after = new.operations.get(key)
        if after is None:
            yield Break(
                before.title, "path", "operation", "the operation is gone", f"who calls {before.name}"
            )
        else:
            yield from _Versions(before, after).breaks()


class _Versions:
    """One operation before and after."""

    def __init__(self, old: Operation, new: Operation) -> None:
        self._old = old
        self._new = new

    def breaks(self) -> Iterator[Break]:
        yield from self._security()
        yield from self._parameters()
        yield from self._request()
        yield from self._statuses()

    def _break(self, where: str, rule: str, why: str, who: str) -> Break:
        return Break(self._old.title, where, rule, why, who)

    @property
    def _callers(self) -> str:
        return f"who calls {self._old.name}"

    def _security(self) -> Iterator[Break]:
        for credential in self._old.security or ({},):
            if self._new.security and not any(_is_enough(credential, one) for one in self._new.security):
                yield self._break(
                    "security",
                    "security",
                    f"{_credential(credential)} was enough; wanted is now "
                    + " or ".join(map(_credential, self._new.security)),
                    f"who calls {self._old.name} with {_credential(credential)}",
                )

    def _parameters(self) -> Iterator[Break]:
        for (place, name), before in self._old.parameters.items():
            after = self._new.parameters.get((place, name))
            where = f"{place} parameter {name}"
            who = f"who sends {name} to {self._old.name}"
            if after is None:
                yield self._break(where, "parameter", f"{name} is taken no more", who)
                continue
            if after.required and not before.required:
                yield self._break(where, "required", f"{name} is needed now", self._callers)
            for gap in _gaps_of(before, after, ASKED):
                yield self._break(where, gap.rule, asked(gap), who)
        for (place, name), after in self._new.parameters.items():
            if after.required and (place, name) not in self._old.parameters:
                yield self._break(
                    f"{place} parameter {name}", "required", f"{name} is new and needed", self._callers
                )

    def _request(self) -> Iterator[Break]:
        before, after = self._old.body, self._new.body
        if before is None:
            if after is not None and after.required:
                yield self._break("request body", "required", "a body is needed now", self._callers)
            return
        if after is None:
            yield self._break("request body", "body", "a body is taken no more", self._callers)
            return
        if after.required and not before.required:
            yield self._break("request body", "required", "a body is needed now", self._callers)
        for media, schema in before.schemas.items():
            if media not in after.schemas:
                why = f"{media} is taken no more, only {', '.join(after.schemas) or 'nothing'}"
                yield self._break("request body", "media-type", why, f"who sends {media} to {self._old.name}")
                continue
            for gap in gaps(schema, after.schemas[media], ASKED):
                who = f"who sends {_field(gap)} to {self._old.name}"
                if gap.rule == "required" and gap.given is False:
                    who = self._callers
                yield self._break(f"request body {gap.path}", gap.rule, asked(gap), who)

    def _statuses(self) -> Iterator[Break]:
        for status, before in self._old.responses.items():
            after = self._new.responses.get(status)
            if after is None:
                why = f"status {status} is never answered any more"
                who = f"who waits for {status} from {self._old.name}"
                yield self._break(f"response {status}", "status", why, who)
            else:
                yield from self._response(status, before, after)
        for status in self._new.responses:
            if status not in self._old.responses:
                why = f"status {status} is new: the old version never answered it"
                who = f"who calls {self._old.name} and does not know {status}"
                yield self._break(f"response {status}", "new-status", why, who)

    def _response(self, status: str, before: Response, after: Response) -> Iterator[Break]:
        where = f"response {status}"
        for name, header in before.headers.items():
            new_header = after.headers.get(name)
            who = f"who reads {name} of {self._old.name}"
            if new_header is None:
                yield self._break(f"{where} header {name}", "header", f"header {name} is gone", who)
                continue
            if header.required and not new_header.required:
                why = f"header {name} may be missing now"
                yield self._break(f"{where} header {name}", "required", why, who)
            for gap in _gaps_of(new_header, header, TOLD):
                yield self._break(f"{where} header {name}", gap.rule, told(gap), who)
        for media, schema in before.content.items():
            if media not in after.content:
                why = f"{media} is sent no more, only {', '.join(after.content) or 'no body'}"
                yield self._break(
                    f"{where} body", "media-type", why, f"who reads the {status} of {self._old.name}"
                )
                continue
            for gap in gaps(after.content[media], schema, TOLD):
                who = f"who reads {_field(gap)} of {self._old.name}"
                yield self._break(f"{where} body {gap.path}", gap.rule, told(gap), who)


def _gaps_of(given: Content, taken: Content, tolerated: frozenset[str]) -> Iterator[Gap]:
    """Of a parameter or header: its own schema, or that of the content that it holds."""
    anything = Side(True, {})
    wanted = next(iter(taken.schemas.values()), anything)
    yield from gaps(next(iter(given.schemas.values()), anything), wanted, tolerated)


def _is_enough(credential: Any, wanted: Any) -> bool:
    return all(
        scheme in credential and set(scopes) <= set(credential[scheme]) for scheme, scopes in wanted.items()
    )


def _credential(alternative: Any) -> str:
    named = [f"{scheme} {' '.join(scopes)}".strip() for scheme, scopes in alternative.items()]
    return " and ".join(named) or "no credential"


def _field(gap: Gap) -> str:
    name = gap.path.rpartition(".")[2]
    return "it" if name.startswith("$") else name.removesuffix("[*]")


def asked(gap: Gap) -> str:
    """A gap of a request in words: given is what the old version took, taken is what the new one does."""
    name = _field(gap)
    match gap.rule:
        case "field":
            return f"{name} is taken no more"
        case "required":
            return f"{name} is needed now" + ("" if gap.given else ", and is new")
        case "closed":
            return "fields that it does not name are refused now"
        case "type":
            return f"{name} was {gap.given} and must be {gap.taken}"
        case "enum":
            return f"{in_words(gap.given)} is taken no more, only {in_words(gap.taken)}"
    return f"{gap.rule} was {in_words(gap.given)} and is {in_words(gap.taken)}"


def told(gap: Gap) -> str:
    """A gap of a response in words: given is what the new version may send, taken is what the old one did."""
    name = _field(gap)
    match gap.rule:
        case "absent":
            return f"{name} is sent no more"
        case "required":
            return f"{name} may be missing now"
        case "type":
            return f"{name} was {gap.taken} and may be {gap.given}"
        case "enum":
            return f"{in_words(gap.given)} may come now; it was one of {in_words(gap.taken)}"
    return f"{gap.rule} was {in_words(gap.taken)} and is {in_words(gap.given)}"


# What a consumer expects, and an API


def breaks_of_pact(pact: Pact, api: Api) -> Iterator[Break]:
    """Every expectation of a consumer that the API's document contradicts."""
    for interaction in pact.interactions:
        if interaction.kind == "http":
            yield from _Expectation(pact, interaction, api).breaks()


class _Expectation:
    """One interaction of a pact, held against the operation that would serve it."""

    def __init__(self, pact: Pact, interaction: Interaction, api: Api) -> None:
        self._one = interaction
        self._api = api
        self._who = f"{pact.consumer}: {interaction.description}"
        self._title = f"{interaction.method} {interaction.path}"

    def breaks(self) -> Iterator[Break]:
        operation = self._api.matching(self._one.method, self._one.path)
        if operation is None:
            yield self._break("path", "operation", "there is no such operation")
            return
        self._title = operation.title
        if self._one.status < 400:
            yield from self._parameters(operation)
            yield from self._request(operation)
        response = _answer(operation, self._one.status)
        if response is None:
            why = f"status {self._one.status} is not among those it answers: {', '.join(operation.responses)}"
            yield self._break(f"response {self._one.status}", "status", why)
        else:
            yield from self._response(response)

    def _break(self, where: str, rule: str, why: str) -> Break:
        return Break(self._title, where, rule, why, self._who)

    def _parameters(self, operation: Operation) -> Iterator[Break]:
        assert self._one.request is not None
        sent = {("query", name): value for name, value in (self._one.query or {}).items()}
        sent |= {("header", name.lower()): value for name, value in self._one.request.headers.items()}
        for (place, name), value in sent.items():
            wanted = operation.parameters.get((place, name))
            where = f"{place} parameter {name}"
            if wanted is not None:
                for gap in _gaps_of_text(value[0], wanted):
                    yield self._break(where, gap.rule, f"{value[0]!r} is not taken: {_limit(gap)}")
            elif place == "query":
                yield self._break(where, "parameter", f"{name} is not taken")
        for (place, name), wanted in operation.parameters.items():
            if wanted.required and place in ("query", "header") and (place, name) not in sent:
                why = f"{name} is needed and not sent"
                yield self._break(f"{place} parameter {name}", "required", why)

    def _request(self, operation: Operation) -> Iterator[Break]:
        message, body = self._one.request, operation.body
        assert message is not None
        if message.body is NO_BODY or message.body is None:
            if body is not None and body.required:
                yield self._break("request body", "required", "a body is needed and not sent")
            return
        if body is None:
            if message.body != {}:
                yield self._break("request body", "body", "a body is sent and not taken")
            return
        yield from self._body("request body", message, body.schemas, ASKED)

    def _response(self, response: Response) -> Iterator[Break]:
        message = self._one.response
        assert message is not None
        where = f"response {self._one.status}"
        for name in message.headers:
            if name.lower() not in SELF_EVIDENT and name.lower() not in response.headers:
                yield self._break(f"{where} header {name}", "header", f"header {name} is not sent")
        if message.body is not NO_BODY and message.body is not None:
            yield from self._body(f"{where} body", message, response.content, EXPECTED)

    def _body(self, where: str, message: Message, schemas: Any, tolerated: frozenset[str]) -> Iterator[Break]:
        media = message.media_type
        if media and media not in schemas:
            named = ", ".join(schemas) or "nothing"
            yield self._break(where, "media-type", f"{media} is expected; the document names {named}")
            return
        if media and "json" not in media:
            return
        schema = next(iter(schemas.values()), None) if not media else schemas[media]
        if schema is None:
            return
        expected = Side(schema_of(message.body), {})
        for gap in gaps(expected, schema, tolerated):
            yield self._break(f"{where} {gap.path}", gap.rule, _contradiction(gap))


def _answer(operation: Operation, status: int) -> Response | None:
    for name in (str(status), f"{status // 100}XX", "default"):
        if name in operation.responses:
            return operation.responses[name]
    return None


def _gaps_of_text(text: str, wanted: Content) -> Iterator[Gap]:
    """A query or header value is text, and fits where any reading of it does."""
    readings: list[object] = [text]
    try:
        readings.append(int(text))
    except ValueError:
        if text in ("true", "false"):
            readings.append(text == "true")
    schema = next(iter(wanted.schemas.values()), Side(True, {}))
    found = [list(gaps(Side(schema_of(one), {}), schema)) for one in readings]
    array = list(gaps(Side(schema_of([text]), {}), schema))
    yield from min((*found[::-1], array), key=len)


def _contradiction(gap: Gap) -> str:
    name = _field(gap)
    match gap.rule:
        case "field":
            return f"{name} is named in the pact and not in the document"
        case "required":
            return f"{name} is needed and not sent"
        case "type":
            return f"{name} is {gap.given} in the pact and {gap.taken} in the document"
        case "enum":
            return f"{in_words(gap.given)} is not among {in_words(gap.taken)}"
    return f"{in_words(gap.given)} does not fit: {_limit(gap)}"


def _limit(gap: Gap) -> str:
    return f"{gap.rule} {in_words(gap.taken)}"
