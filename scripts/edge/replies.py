"""What Envoy itself answers, in the one JSON shape that every error has."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

# By the HTTP status of an answer of Envoy's own: gRPC's code, the contract's reason, and a text where Envoy's is poor.
REPLIES: dict[int, tuple[int, str, str]] = {
    400: (3, "REQUEST_MALFORMED", "this request cannot be read. %LOCAL_REPLY_BODY%"),
    403: (7, "ORIGIN_NOT_ALLOWED", "%LOCAL_REPLY_BODY%"),
    404: (5, "ROUTE_NOT_FOUND", "no method has this path; see /docs"),
    405: (12, "METHOD_NOT_ALLOWED", "%LOCAL_REPLY_BODY%"),
    408: (4, "TIMED_OUT", "the request did not arrive in time"),
    413: (3, "REQUEST_TOO_LARGE", "the body is larger than this method takes"),
    426: (3, "REQUEST_MALFORMED", "this is HTTP/1.0 or older; the edge speaks HTTP/1.1 and HTTP/2"),
    429: (8, "RATE_LIMITED", "too many requests; see the Retry-After header"),
    431: (3, "REQUEST_TOO_LARGE", "the headers are too large"),
    500: (13, "INTERNAL_FAULT", "something unexpected happened at the edge"),
    502: (14, "SERVICE_UNAVAILABLE", "the service behind the edge broke off; try again"),
    503: (14, "SERVICE_UNAVAILABLE", "the service behind the edge is down; try again"),
    504: (4, "TIMED_OUT", "the service behind the edge took too long; try again"),
}
# Where Envoy says next to nothing: a text for what it notes for itself as the cause, which is a regular expression.
CAUSES = {
    "path_normalization_failed": "a path holds no escaped slash, backslash or NUL (%%2F, %%5C, %%00)",
    "missing_host_header": "the Host header is missing",
    "upgrade_failed": "the edge changes to no other protocol",
    "http1[.].*": "this is no HTTP that the edge takes (%RESPONSE_CODE_DETAILS%)",
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
    unread = [_mapper(_caused_by(cause), 3, "REQUEST_MALFORMED", text) for cause, text in CAUSES.items()]
    known = [_mapper([_status("EQ", status)], *reply) for status, reply in REPLIES.items()]
    return {"mappers": [*({**mapper, "status_code": 400} for mapper in unread), *known]}


def _caused_by(cause: str) -> list[Config]:
    expression = {
        "name": "envoy.access_loggers.extension_filters.cel",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            "expression": f"response.code_details.matches('^{cause}$')",
        },
    }
    # The cheap question first: there may be very many answers of other statuses.
    return [_status("LE", 403), {"extension_filter": expression}]


def _status(comparison: str, status: int) -> Config:
    value = {"default_value": status, "runtime_key": f"reply_{comparison}_{status}"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _mapper(which: list[Config], code: int, reason: str, message: str) -> Config:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "dropmesh.dev",
        "metadata": {},
    }
    return {
        "filter": {"and_filter": {"filters": [*which, REST]}},
        "body_format_override": {"json_format": {"code": code, "message": message, "details": [info]}},
    }
