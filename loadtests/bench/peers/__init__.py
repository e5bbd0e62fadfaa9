"""The mock servers that others make, each set up to answer the same two requests as fast as it can."""

from .json_server import JSON_SERVER
from .mockoon import MOCKOON
from .mountebank import MOUNTEBANK, MOUNTEBANK_CANNED
from .peer import Peer
from .prism import PRISM
from .wiremock import WIREMOCK, WIREMOCK_CANNED

PEERS: tuple[Peer, ...] = (
    MOCKOON,
    MOUNTEBANK,
    MOUNTEBANK_CANNED,
    PRISM,
    JSON_SERVER,
    WIREMOCK,
    WIREMOCK_CANNED,
)
