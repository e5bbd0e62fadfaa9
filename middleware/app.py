"""The service's own HTTP door: webhooks in, health, what is pending, and parked exceptions with replay."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from .intake import BadSignature, Malformed
from .service import Service
from .store import StoreError

MOST_BYTES = 1_048_576


def build(service: Service) -> FastAPI:
    """The application; the service starts and stops with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(title="The reference middleware", lifespan=lifespan, docs_url=None, redoc_url=None)

    async def take_event(request: Request) -> Response:
        """Take one signed event; 2xx means that it, and what follows from it, is on disk."""
        body = await request.body()
        if len(body) > MOST_BYTES:
            return _problem(413, "body_too_large", f"an event may have {MOST_BYTES} bytes")
        try:
            await service.intake.receive(body, request.headers)
        except BadSignature as error:
            return _problem(401, "bad_signature", str(error))
        except Malformed as error:
            return _problem(400, "malformed_event", str(error))
        except StoreError:
            return _problem(503, "unavailable", "the event could not be stored")
        return Response(status_code=202)

    async def tell_health(request: Request) -> Response:
        """200 once it can work, and as long as it can."""
        return Response(status_code=200 if service.healthy else 503)

    async def tell_pending(request: Request) -> Response:
        """How many steps and values are still to be carried through."""
        return _json({"pending": service.pending()})

    async def list_exceptions(request: Request) -> Response:
        """What systems refused for good, for a person to look at."""
        await service.store.commit()
        return _json(
            [
                {
                    "order_ref": parked.order_ref,
                    "system": parked.system,
                    "step": parked.step,
                    "reason": parked.reason,
                    "since": parked.since,
                    "impact": parked.impact,
                }
                for parked in service.store.parked()
            ]
        )

    async def replay_exception(request: Request) -> Response:
        """Try everything that is parked of an order again."""
        await service.store.commit()
        count = service.worker.replay(request.path_params["order_ref"])
        if not count:
            return _problem(404, "not_found", "nothing is parked under this order reference")
        await service.store.commit()
        return _json({"replayed": count}, 202)

    app.add_route("/webhooks", take_event, methods=["POST"], include_in_schema=False)
    app.add_route("/health", tell_health)
    app.add_route("/pending", tell_pending)
    app.add_route("/exceptions", list_exceptions)
    app.add_route("/exceptions/{order_ref}/replay", replay_exception, methods=["POST"])
    return app


def _json(document: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def _problem(status: int, code: str, detail: str) -> Response:
    document = {
        "type": f"https://peakproof.invalid/problems/{code}",
        "title": code,
        "status": status,
        "detail": detail,
    }
    return Response(msgspec.json.encode(document), status, media_type="application/problem+json")
