"""Who may call a system: OAuth2 client credentials with expiring tokens, and static keys."""

import base64
import hmac
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

SCOPES = ("read", "write", "shop")
"""``read`` and ``write`` are the sellers' side and the back office; ``shop`` is what shoppers do."""


@dataclass(frozen=True, slots=True)
class Client:
    """A caller that a system knows."""

    client_id: str
    client_secret: str
    scopes: frozenset[str]
    api_key: str
    """A static key that does the same as a token and never expires."""

    @classmethod
    def new(cls, client_id: str, *scopes: str) -> "Client":
        """A client with unguessable secrets."""
        return cls(
            client_id, secrets.token_urlsafe(24), frozenset(scopes), f"key_{secrets.token_urlsafe(24)}"
        )


def shopper_of(system: str) -> str:
    """The client id under which the estate itself shops at a system."""
    return f"shopper-{system}"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token as it was given out."""

    access_token: str
    token_type: str
    expires_in: int
    """Seconds that it really holds."""
    scope: str


class TokenRefused(Exception):
    """RFC 6749 section 5.2: the token endpoint says no; ``code`` is its ``error``."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.status = status


@dataclass(slots=True)
class _Grant:
    client: Client
    scopes: frozenset[str]
    expires_ns: int


class Authenticator:
    """Gives out tokens and knows whose they are."""

    def __init__(self, clients: list[Client], now: Callable[[], int], token_lifetime_s: float) -> None:
        self._clients = {client.client_id: client for client in clients}
        self._keys = {client.api_key: client for client in clients}
        self._now = now
        self._lifetime_s = max(1, math.floor(token_lifetime_s))
        self._grants: dict[str, _Grant] = {}
        self.given_out: list[str] = []
        """Every access token so far, to look for them where they should not be."""

    def known(self, authorization: str | None) -> tuple[Client, frozenset[str]] | None:
        """Client and scopes behind an ``Authorization`` header; None for a missing, unknown or expired token."""
        if authorization is None or authorization[:7].lower() != "bearer ":
            return None
        bearer = authorization[7:].strip()
        client = self._keys.get(bearer)
        if client is not None:
            return client, client.scopes
        grant = self._grants.get(bearer)
        if grant is None or grant.expires_ns <= self._now():
            return None
        return grant.client, grant.scopes

    def issue(self, form: bytes, authorization: str | None) -> Token:
        """A token for client credentials in the form or by HTTP Basic. Raises TokenRefused."""
        try:
            fields = {
                name: values[-1]
                for name, values in parse_qs(form.decode(), strict_parsing=bool(form)).items()
            }
        except ValueError:
            raise TokenRefused(
                "invalid_request", "the body is no application/x-www-form-urlencoded form"
            ) from None
        if fields.get("grant_type") != "client_credentials":
            raise TokenRefused("unsupported_grant_type", "grant_type must be client_credentials")
        client_id, client_secret = _basic(authorization) or (
            fields.get("client_id"),
            fields.get("client_secret"),
        )
        client = self._clients.get(client_id or "")
        if client is None or not hmac.compare_digest(
            client.client_secret.encode(), (client_secret or "").encode()
        ):
            raise TokenRefused("invalid_client", "unknown client or wrong secret", 401)
        wanted = frozenset(fields.get("scope", "").split()) or client.scopes
        if not wanted <= client.scopes:
            raise TokenRefused("invalid_scope", f"this client may have: {' '.join(sorted(client.scopes))}")
        now_ns = self._now()
        self._grants = {token: grant for token, grant in self._grants.items() if grant.expires_ns > now_ns}
        token = secrets.token_urlsafe(32)
        self.given_out.append(token)
        self._grants[token] = _Grant(client, wanted, now_ns + self._lifetime_s * 1_000_000_000)
        return Token(token, "Bearer", self._lifetime_s, " ".join(sorted(wanted)))

    def admit(self, client: Client) -> None:
        """One more client, or a known one with other credentials."""
        self.dismiss(client.client_id)
        self._clients[client.client_id] = self._keys[client.api_key] = client

    def dismiss(self, client_id: str) -> None:
        """Know a client no longer; its tokens stay good until they expire. Unknown ones are ignored."""
        known = self._clients.pop(client_id, None)
        if known is not None:
            del self._keys[known.api_key]

    def forget_tokens(self) -> None:
        """Every token given out so far stops working (rotation)."""
        self._grants.clear()


def _basic(authorization: str | None) -> tuple[str, str] | None:
    if authorization is None or authorization[:6].lower() != "basic ":
        return None
    try:
        name, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
    except ValueError:
        return None
    return unquote(name), unquote(secret)
