"""Who may call: client credentials, expiring tokens, static keys and scopes."""

from base64 import b64encode
from urllib.parse import urlencode

import pytest

from peakproof.simulators.kit.auth import Authenticator, Client, TokenRefused

from .doors import READER, SUT, Answered, AskedErp, asked_erp

SHOPPER = Client("shopper", "p%t w/ öddities:", frozenset({"read", "shop"}), "key-shopper")


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def keeper(lifetime_s: float = 60.0) -> tuple[Authenticator, Watch]:
    watch = Watch()
    return Authenticator([SUT, SHOPPER], watch, lifetime_s), watch


def form(**fields: str) -> bytes:
    return urlencode({"grant_type": "client_credentials"} | fields).encode()


def credentials(client: Client = SUT) -> bytes:
    return form(client_id=client.client_id, client_secret=client.client_secret)


def basic(client: Client) -> str:
    return "Basic " + b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode()


def test_credentials_in_the_form_give_a_token_with_every_scope_of_the_client() -> None:
    auth, _ = keeper()
    token = auth.issue(credentials(), None)
    assert (token.token_type, token.expires_in, token.scope) == ("Bearer", 60, "read write")
    assert auth.known(f"Bearer {token.access_token}") == (SUT, frozenset({"read", "write"}))


def test_credentials_may_come_by_http_basic() -> None:
    auth, _ = keeper()
    token = auth.issue(form(), basic(SUT))
    known = auth.known(f"bearer  {token.access_token} ")
    assert known is not None and known[0] is SUT


def test_http_basic_carries_form_encoded_secrets() -> None:
    auth, _ = keeper()
    encoded = b64encode(b"shopper:p%25t%20w%2F%20%C3%B6ddities%3A").decode()
    assert auth.issue(form(), f"Basic {encoded}").scope == "read shop"


def test_a_token_may_have_fewer_scopes_than_its_client() -> None:
    auth, _ = keeper()
    token = auth.issue(credentials() + b"&scope=read", None)
    assert auth.known(f"Bearer {token.access_token}") == (SUT, frozenset({"read"}))


@pytest.mark.parametrize(
    ("body", "authorization", "code", "status"),
    [
        (b"", None, "unsupported_grant_type", 400),
        (b"grant_type=password", None, "unsupported_grant_type", 400),
        (b"nonsense", None, "invalid_request", 400),
        (b"\xff=1", None, "invalid_request", 400),
        (form(), None, "invalid_client", 401),
        (form(client_id="nobody", client_secret="x"), None, "invalid_client", 401),
        (form(client_id="sut-erp", client_secret="wrong"), None, "invalid_client", 401),
        (form(client_id="sut-erp"), None, "invalid_client", 401),
        (form(), "Basic !!!", "invalid_client", 401),
        (form(), "Basic " + b64encode(b"\xff\xfe").decode(), "invalid_client", 401),
        (form(), basic(READER), "invalid_client", 401),
        (credentials() + b"&scope=shop", None, "invalid_scope", 400),
    ],
)
def test_the_token_endpoint_refuses_as_rfc_6749_says(
    body: bytes, authorization: str | None, code: str, status: int
) -> None:
    auth, _ = keeper()
    with pytest.raises(TokenRefused) as refused:
        auth.issue(body, authorization)
    assert (refused.value.code, refused.value.status) == (code, status)


def test_a_token_holds_exactly_as_long_as_it_says() -> None:
    auth, watch = keeper(lifetime_s=2.9)
    token = auth.issue(credentials(), None)
    assert token.expires_in == 2
    watch.now_ns = 2_000_000_000 - 1
    assert auth.known(f"Bearer {token.access_token}") is not None
    watch.now_ns = 2_000_000_000
    assert auth.known(f"Bearer {token.access_token}") is None


def test_a_token_holds_a_second_at_least_however_short_time_is() -> None:
    auth, _ = keeper(lifetime_s=0.0001)
    assert auth.issue(credentials(), None).expires_in == 1


def test_tokens_are_all_different_and_earlier_ones_go_on_holding() -> None:
    auth, _ = keeper()
    tokens = {auth.issue(credentials(), None).access_token for _ in range(20)}
    assert len(tokens) == 20
    assert all(auth.known(f"Bearer {token}") for token in tokens)


def test_rotation_ends_tokens_and_not_keys() -> None:
    auth, _ = keeper()
    token = auth.issue(credentials(), None)
    auth.forget_tokens()
    assert auth.known(f"Bearer {token.access_token}") is None
    assert auth.known(f"Bearer {SUT.api_key}") is not None


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic key-sut", "key-sut", "Bearer key-sut x", "Bearer Key-Sut"],
)
def test_anything_else_is_nobody(header: str | None) -> None:
    assert keeper()[0].known(header) is None


def test_new_clients_have_secrets_of_their_own() -> None:
    one, other = Client.new("a", "read"), Client.new("a", "read")
    assert one.client_secret != other.client_secret
    assert one.api_key != other.api_key


# The same behind a door


def token_of(erp: AskedErp, body: bytes = credentials(), **headers: str) -> Answered:
    return erp.ask(
        "POST",
        "/oauth/token",
        raw=body,
        token=None,
        headers={"content-type": "application/x-www-form-urlencoded"} | headers,
    )


def test_a_token_of_the_endpoint_opens_the_door() -> None:
    erp = asked_erp()
    answered = token_of(erp)
    assert (answered.status, answered.headers["cache-control"]) == (200, "no-store")
    assert answered.document.keys() == {"access_token", "token_type", "expires_in", "scope"}
    listed = erp.ask("GET", "/v1/sales-orders", token=answered.document["access_token"])
    assert listed.status == 200
    assert erp.record.calls[-1].client == "sut-erp"


def test_the_endpoint_says_what_is_wrong_in_the_words_of_oauth() -> None:
    refused = token_of(asked_erp(), form(client_id="sut-erp", client_secret="wrong"))
    assert (refused.status, refused.document["error"]) == (401, "invalid_client")
    assert refused.headers["www-authenticate"].startswith("Basic ")


def test_the_endpoint_takes_forms_only() -> None:
    erp = asked_erp()
    refused = erp.ask("POST", "/oauth/token", {"grant_type": "client_credentials"}, token=None)
    assert (refused.status, refused.code) == (415, "form_required")


@pytest.mark.parametrize("token", [None, "unknown", "key-shopper"])
def test_a_stranger_gets_401_and_is_told_how_to_come_in(token: str | None) -> None:
    refused = asked_erp().ask("GET", "/v1/sales-orders", token=token)
    assert (refused.status, refused.code) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"] == 'Bearer realm="erp", error="invalid_token"'
    assert refused.headers["content-type"] == "application/problem+json"


def test_rights_are_checked_before_a_body_is_read() -> None:
    erp = asked_erp()
    assert erp.ask("POST", "/v1/sales-orders", raw=b"{", token=None).status == 401
    assert erp.ask("POST", "/v1/sales-orders", raw=b"{", token=READER.api_key).status == 403
    assert erp.ask("POST", "/v1/sales-orders", raw=b"{").status == 400


def test_an_expired_token_gets_401() -> None:
    erp = asked_erp(token_lifetime_s=60)
    token = token_of(erp).document["access_token"]
    erp.made.advance(60)
    assert erp.ask("GET", "/v1/sales-orders", token=token).status == 401


def test_reading_and_writing_are_different_rights() -> None:
    erp = asked_erp()
    assert erp.ask("GET", "/v1/sales-orders", token=READER.api_key).status == 200
    refused = erp.ask(
        "POST",
        "/v1/stock-adjustments",
        {"change_id": "CHG-1", "sku": "22423", "quantity": 5, "cause": "count"},
        token=READER.api_key,
    )
    assert (refused.status, refused.code, refused.reply.permanent) == (403, "forbidden", True)
    assert erp.made.of_kind("stock_adjusted") == []


def test_the_record_says_who_called_and_never_a_secret() -> None:
    erp = asked_erp()
    token = token_of(erp).document["access_token"]
    erp.ask("GET", "/v1/items", token=token)
    secrets = (SUT.client_secret, SUT.api_key, token)
    kept = repr(erp.record.calls) + repr(erp.record.bodies)
    assert not [secret for secret in secrets if secret in kept]
    assert [call.client for call in erp.record.calls] == [None, "sut-erp"]
