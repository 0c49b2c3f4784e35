"""An edge in mode `tokens` refuses, by the headers alone, a request whose token is missing or malformed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from dropmesh.v1 import behavior_pb2
from dropmesh.v1.behavior_pb2 import Behavior
from google.protobuf import any_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import code_pb2, error_details_pb2, status_pb2

from services.common.rpc.auth import NONE_GIVEN, NOT_VALID

Config = dict[str, Any]

# As services/common/rpc/tokens.py makes them.
AUTHORIZATION = r"(?i:bearer|token) +dm_[0-9a-f]+_[\w-]+ *"
MISSING: Config = {"name": "authorization", "present_match": False}
MALFORMED: Config = {
    "name": "authorization",
    "string_match": {"safe_regex": {"regex": AUTHORIZATION}},
    "invert_match": True,
}
GRPC: Config = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
AUTHORIZE = "envoy.filters.http.ext_authz"
# Of a route whose body the edge keeps until it is whole: a service looks at the token first.
AUTHORIZED: Config = {
    AUTHORIZE: {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
        "check_settings": {},
    }
}


def needs_token(method: MethodDescriptor) -> bool:
    """Whether a method is refused without a token in mode `tokens`."""
    return method.GetOptions().Extensions[behavior_pb2.behavior].scope != Behavior.PUBLIC


def token_refusals() -> Iterator[Config]:
    """Arguments of `refusal`; the routes of public methods come before them. envoy.yaml has the answers over REST."""
    for header, reason, text in (
        (MISSING, "TOKEN_MISSING", NONE_GIVEN),
        (MALFORMED, "TOKEN_INVALID", NOT_VALID),
    ):
        details = {"grpc-status-details-bin": _details(reason, text)}
        yield {"status": 401, "text": text, "headers": [GRPC, header], "answer_headers": details}
        yield {"status": 401, "text": text, "headers": [header], "answer_headers": {"www-authenticate": "Bearer"}}


def _details(reason: str, text: str) -> str:
    status = status_pb2.Status(code=code_pb2.UNAUTHENTICATED, message=text)
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="dropmesh.dev"))
    status.details.append(packed)
    return base64.b64encode(status.SerializeToString()).decode().rstrip("=")
