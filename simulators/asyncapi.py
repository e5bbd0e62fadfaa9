"""The AsyncAPI 3 document of everything that the estate tells the world, printed from the topics of its systems."""

from typing import Any

from pydantic import TypeAdapter

from .kit.topics import Topic
from .registry import KINDS


def asyncapi() -> dict[str, Any]:
    """One document over all kinds of systems: a channel and a message for each topic, sent as signed webhooks."""
    topics = {topic: (kind, told) for kind, entry in KINDS.items() for topic, told in entry.topics.items()}
    schemas: dict[str, Any] = {}
    messages = {topic: _message(topic, kind, told, schemas) for topic, (kind, told) in topics.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "peakproof estate",
            "version": "1",
            "description": (
                "CloudEvents 1.0 in structured mode, each in one webhook signed after Standard Webhooks 1.0. "
                "At least once, in no promised order; deduplicate by `webhook-id`, which is the event's id. "
                "Anything but 2xx is tried again; 410 unsubscribes; `Retry-After` is honoured."
            ),
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            topic: {"address": topic, "messages": {topic: {"$ref": f"#/components/messages/{topic}"}}}
            for topic in topics
        },
        "operations": {
            f"send.{topic}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{topic}"},
                "summary": told.sentence,
                "tags": [{"name": kind}],
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            }
            for topic, (kind, told) in topics.items()
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _message(topic: str, kind: str, told: Topic, schemas: dict[str, Any]) -> dict[str, Any]:
    """One topic's message; what its data is made of goes into the schemas of all."""
    data = TypeAdapter(told.data).json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    schemas |= data.pop("$defs", {})
    return {
        "name": topic,
        "title": topic,
        "summary": told.sentence,
        "contentType": "application/cloudevents+json",
        "correlationId": {"location": "$message.payload#/traceparent"},
        "headers": {
            "type": "object",
            "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
            "properties": {
                "webhook-id": {
                    "type": "string",
                    "description": "The event's id; the same over all attempts.",
                },
                "webhook-timestamp": {"type": "string", "description": "Unix seconds of this attempt."},
                "webhook-signature": {"type": "string", "description": "`v1,` and base64 HMAC-SHA256."},
            },
        },
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string"},
                "source": {
                    "type": "string",
                    "description": f"`/` and the system's name; its kind is {kind}.",
                },
                "type": {"const": topic},
                "subject": {"type": "string", "description": f"The event's {told.key}."},
                "time": {"type": "string", "format": "date-time"},
                "datacontenttype": {"const": "application/json"},
                "traceparent": {"type": "string"},
                "data": data,
            },
        },
    }
