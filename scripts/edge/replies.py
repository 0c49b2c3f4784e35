"""What Envoy itself answers, in the one JSON shape that every error has."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

# By the HTTP status of an answer of Envoy's own: gRPC's code, the contract's reason, and a text where Envoy's is poor.
REPLIES: dict[int, tuple[int, str, str]] = {
    400: (3, "REQUEST_MALFORMED", "this request cannot be read. %LOCAL_REPLY_BODY%"),
    403: (7, "ORIGIN_NOT_ALLOWED", "%LOCAL_REPLY_BODY%"),
    404: (5, "ROUTE_NOT_FOUND", "%LOCAL_REPLY_BODY%"),
    405: (12, "METHOD_NOT_ALLOWED", "%LOCAL_REPLY_BODY%"),
    408: (4, "TIMED_OUT", "the request did not arrive in time"),
    413: (3, "REQUEST_TOO_LARGE", "the body is larger than this method takes"),
    429: (8, "RATE_LIMITED", "too many requests; see the Retry-After header"),
    431: (3, "REQUEST_TOO_LARGE", "the headers are too large"),
    500: (13, "INTERNAL_FAULT", "something unexpected happened at the edge"),
    502: (14, "SERVICE_UNAVAILABLE", "the service behind the edge broke off; try again"),
    503: (14, "SERVICE_UNAVAILABLE", "the service behind the edge is down; try again"),
    504: (4, "TIMED_OUT", "the service behind the edge took too long; try again"),
}
# A request that was transcoded looks like gRPC by now; it came as REST when it had another path.
REST: Config = {
    "or_filter": {
        "filters": [
            {"header_filter": {"header": {"name": "x-envoy-original-path", "present_match": True}}},
            {
                "header_filter": {
                    "header": {
                        "name": "content-type",
                        "string_match": {"prefix": "application/grpc"},
                        "invert_match": True,
                        "treat_missing_header_as_empty": True,
                    }
                }
            },
        ]
    }
}


def local_replies() -> Config:
    """google.rpc.Status for each status that Envoy gives; gRPC callers get Envoy's own trailers."""
    return {"mappers": [_mapper(status, *reply) for status, reply in REPLIES.items()]}


def _mapper(status: int, code: int, reason: str, message: str) -> Config:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "dropmesh.dev",
        "metadata": {},
    }
    is_status = {"comparison": {"op": "EQ", "value": {"default_value": status, "runtime_key": f"reply_{status}"}}}
    return {
        "filter": {"and_filter": {"filters": [{"status_code_filter": is_status}, REST]}},
        "body_format_override": {"json_format": {"code": code, "message": message, "details": [info]}},
    }
