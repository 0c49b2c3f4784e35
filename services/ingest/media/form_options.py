"""The form field `anonymize`: the options of the contract as JSON."""

from __future__ import annotations

from dropmesh.v1 import ingest_service_pb2
from google.protobuf import json_format

from services.common.base.errors import InvalidField
from services.common.media.anonymize.messages import to_options_unchecked
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.rpc.request_rules import Rules

FIELD = "anonymize"
_RULES = Rules()


def read_anonymize(value: str) -> AnonymizeOptions:
    """Reads it; a field that the contract does not have is refused, since a person might else stay uncovered.

    Options of a class are not compared with `objects`, which a field of its own may still name.
    """
    request = ingest_service_pb2.UploadMediaRequest()
    try:
        json_format.Parse(value, request.anonymize)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise InvalidField(FIELD, f"must be AnonymizeOptions as JSON: {error}") from None
    _RULES.check(request)
    return to_options_unchecked(request.anonymize)
