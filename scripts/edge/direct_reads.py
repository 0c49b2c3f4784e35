"""The route of a read to a service's HTTP door, past the filters that only gRPC needs."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import MethodDescriptor

Config = dict[str, Any]

OFF: Config = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
# What they do for gRPC the door does itself, and most requests are reads.
FOR_GRPC = (
    "envoy.filters.http.lua",
    "envoy.filters.http.header_mutation",
    "envoy.filters.http.grpc_web",
    "envoy.filters.http.grpc_json_transcoder",
)
# gRPC-Web has the transcoder's filter between it and the services, and gRPC has paths of its own.
NOT_GRPC: Config = {
    "name": "content-type",
    "string_match": {"prefix": "application/grpc"},
    "invert_match": True,
    "treat_missing_header_as_empty": True,
}
# The Lua filter makes an export of a list that is asked for as CSV.
NOT_CSV: Config = {
    "name": "accept",
    "string_match": {"contains": "text/csv"},
    "invert_match": True,
    "treat_missing_header_as_empty": True,
}
ALSO_AS_CSV = "ListMeasurements"


def direct_read(route: Config, method: MethodDescriptor, service_route: Config) -> Config:
    """The route to the door, made of the one to the transcoder and of the one of the method's gRPC."""
    match = route["match"]
    headers = [*match["headers"], NOT_GRPC, *([NOT_CSV] if method.name == ALSO_AS_CSV else [])]
    return {
        "match": {**match, "headers": headers},
        "route": {**service_route, **_retries(service_route)},
        "typed_per_filter_config": {**route.get("typed_per_filter_config", {}), **dict.fromkeys(FOR_GRPC, OFF)},
    }


def _retries(service_route: Config) -> Config:
    """As for gRPC, whose UNAVAILABLE is a 503."""
    policy = service_route.get("retry_policy")
    if policy is None:
        return {}
    retry_on = policy["retry_on"].replace("unavailable", "retriable-status-codes")
    return {"retry_policy": {**policy, "retry_on": retry_on, "retriable_status_codes": [503]}}
