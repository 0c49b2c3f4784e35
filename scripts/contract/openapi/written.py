"""Schemas of bodies that are no message of the contract: the JSON of a drop, the JSON of a series, forms of uploads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from scripts.contract.openapi.schemas import Schema, Schemas, reference

BYTES: Schema = {"type": "string", "format": "binary"}
TIMES: Schema = {
    "type": "array",
    "description": "The instants, as RFC 3339.",
    "items": {"type": "string", "format": "date-time"},
}
NUMBERS: Schema = {"type": "array", "items": {"type": "number", "format": "double"}}
# Between numbers, null is a gap.
VALUES: Schema = {"type": "array", "items": {"type": "number", "format": "double", "nullable": True}}
NAME: Schema = {"type": "string", "maxLength": 63}
UNIT: Schema = {"type": "string", "maxLength": 32, "description": "The unit, for example `m/s2`."}

SCHEMAS: dict[str, Schema] = {
    "Reading": {
        "type": "object",
        "description": "Reading is numbers that were measured at one instant. Other keys are kept and ignored.",
        "required": ["time_stamp", "data"],
        "properties": {
            "time_stamp": {
                "type": "string",
                "format": "date-time",
                "description": "The instant as RFC 3339, with an offset from UTC and at most nine digits of fraction.",
            },
            "data": {**NUMBERS, "minItems": 1, "description": "The numbers."},
        },
    },
    "Drop": {
        "description": "Drop is one reading or an array of them.",
        "oneOf": [reference("Reading"), {"type": "array", "minItems": 1, "items": reference("Reading")}],
    },
    "SeriesChannelData": {
        "type": "object",
        "description": "SeriesChannelData is one channel of a series with its values.",
        "required": ["values"],
        "additionalProperties": False,
        "properties": {"name": NAME, "unit": UNIT, "values": {**VALUES, "description": "The values; null is a gap."}},
    },
    "SeriesData": {
        "type": "object",
        "description": "SeriesData is the points of a series: `values` of one channel, or `channels`.",
        "additionalProperties": False,
        "properties": {
            "values": {**VALUES, "description": "The values of the only channel; null is a gap."},
            "channels": {"type": "array", "minItems": 1, "maxItems": 64, "items": reference("SeriesChannelData")},
            "timestamps": {**TIMES, "description": "The instant of each point, as RFC 3339."},
            "sample_rate_hz": {
                "type": "number",
                "format": "double",
                "description": "The number of points per second, in place of timestamps.",
            },
            "start_time": {"type": "string", "format": "date-time", "description": "The instant of the first point."},
            "unit": UNIT,
            "display_name": {"type": "string", "maxLength": 200, "description": "A name for people."},
            "labels": {"type": "object", "maxProperties": 64, "additionalProperties": {"type": "string"}},
            "allow_gaps": {"type": "boolean", "description": "Allows missing values."},
        },
    },
    "SeriesChannelPoints": {
        "type": "object",
        "description": "SeriesChannelPoints is one channel: its values, or with `window` the summaries of its windows.",
        "required": ["name", "unit"],
        "properties": {
            "name": {"type": "string"},
            "unit": {"type": "string"},
            "values": {**VALUES, "description": "The values; null is a gap."},
            "count": {**NUMBERS, "description": "The number of values in each window."},
            **{
                name: {**VALUES, "description": f"The {text} of each window."}
                for name, text in {
                    "mean": "mean",
                    "min": "smallest value",
                    "max": "largest value",
                    "population_stddev": "population standard deviation",
                }.items()
            },
        },
    },
    "SeriesPointsData": {
        "type": "object",
        "description": "SeriesPointsData is the points of a series, its range, or its summary.",
        "required": ["name", "channels"],
        "properties": {
            "name": {"type": "string", "description": "series/{series}"},
            "start_time": {"type": "string", "format": "date-time", "description": "The instant of the first point."},
            "sample_rate_hz": {
                "type": "number",
                "format": "double",
                "description": "The number of points per second; absent with timestamps.",
            },
            "timestamps": TIMES,
            "channels": {"type": "array", "items": reference("SeriesChannelPoints")},
        },
    },
    "LineError": {
        "type": "object",
        "description": "LineError is an error in the shape of InfluxDB's own.",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string", "description": "The kind of error, for example `invalid`."},
            "message": {"type": "string", "description": "What is wrong, for a person."},
            "line": {"type": "integer", "description": "The first line that is refused."},
        },
    },
    "InvitePageForm": {
        "type": "object",
        "description": "InvitePageForm is what opens an invite's page: the PIN, or the proof that an opened page has.",
        "properties": {
            "pin": {"type": "string", "description": "The invite's PIN."},
            "proof": {"type": "string", "description": "That the PIN was given, as a hidden field of the page."},
            "page_token": {"type": "string", "description": "The hidden field of the button for older files."},
        },
    },
    "Document": {
        "type": "object",
        "description": "Document is an OpenAPI 3.0 document.",
        "additionalProperties": True,
    },
}
# The JSON in the body of a request, and in an answer of bytes, by method.
JSON_BODIES = {"DropMeasurements": "Drop", "CreateSeries": "SeriesData", "AppendSeries": "SeriesData"}
FORMS = {"OpenInvitePage": "InvitePageForm"}
# Methods whose errors have another shape than Status, as the senders that call them expect it.
ERROR_SHAPES = {"WriteLines": "LineError"}
JSON_ANSWERS = {"GetSeriesPoints": "SeriesPointsData", "GetDocument": "Document"}


def form(fields: Iterable[FieldDescriptor], schemas: Schemas) -> Schema:
    """The schema of multipart/form-data with files, which may also have other names."""
    fields = list(fields)
    options: dict[str, Any] = {
        field.name: schemas.field(field, in_answer=False)
        for field in fields
        if (field.message_type is None or field.name == "anonymize") and field.name not in ("link", "body")
    }
    if any(field.name == "link" for field in fields):
        options["pin"] = {"type": "string", "description": "The invite's PIN."}
    files = {"type": "array", "minItems": 1, "items": BYTES, "description": "The files, after their options."}
    # Not `required`: some generators send what is required first, and a form field applies to the files after it.
    return {"type": "object", "properties": {**options, "files": files}, "additionalProperties": False}
