"""A JSON body that names a field which the contract does not have is refused: a misspelled option must not be lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from scripts.edge.routes import json_bodies
from tests.e2e.errors import reason_of

# The edge alone is asked: one kind of stores is enough.
pytestmark = pytest.mark.parametrize("stores", ["embedded"], indirect=True, scope="session")
VARIABLE = re.compile(r"\{\w+(?:=([\w/*]+))?\}")
UNKNOWN = "display_nam"


@dataclass(frozen=True)
class Route:
    """How a method is called over REST, and the message that its JSON body is."""

    name: str
    verb: str
    path: str
    message: Descriptor

    def call(self, client: httpx.Client, body: Any) -> httpx.Response:
        return client.request(self.verb, self.path, json=body)


def routes() -> Iterator[Route]:
    for method, message in json_bodies().items():
        rule = method.GetOptions().Extensions[annotations_pb2.http]
        verb = str(rule.WhichOneof("pattern"))
        path = VARIABLE.sub(lambda found: (found[1] or "*").replace("*", "x"), getattr(rule, verb))
        yield Route(method.name, verb.upper(), path, message)


def nested(message: Descriptor, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The path of an unknown field in each message that a message holds, and a body that has it there."""
    for field in message.fields:
        inner = field.message_type
        if inner is not None and inner.full_name.startswith("dropmesh.") and not inner.GetOptions().map_entry:
            shown = f"{field.name}[1]" if field.is_repeated else field.name
            if inner.full_name not in above:
                for path, value in [(UNKNOWN, {UNKNOWN: "x"}), *nested(inner, (*above, inner.full_name))]:
                    yield f"{shown}.{path}", {field.name: [{}, value] if field.is_repeated else value}


ROUTES = list(routes())
BODIES = [(route, path, body) for route in ROUTES for path, body in [(UNKNOWN, {UNKNOWN: "x"}), *nested(route.message)]]


@pytest.mark.parametrize(("route", "path", "body"), BODIES, ids=lambda value: getattr(value, "name", None))
def test_an_unknown_field_is_refused_by_its_path(client, route, path, body):
    answer = route.call(client, body)
    assert (answer.status_code, reason_of(answer)) == (400, "REQUEST_MALFORMED"), answer.text
    info, bad_request = answer.json()["details"]
    assert info["metadata"] == {"field": path}
    (violation,) = bad_request["field_violations"]
    assert (violation["field"], violation["reason"]) == (path, "UNKNOWN_FIELD")
    assert answer.json()["message"].startswith(f"{path}: ")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_field_may_have_either_name(client, route):
    def names(field: FieldDescriptor) -> tuple[str, str]:
        return field.name, field.json_name

    for style in zip(*map(names, route.message.fields), strict=True):
        assert "no such field" not in route.call(client, dict.fromkeys(style)).text


@pytest.mark.parametrize(
    "body",
    [
        '{"filename": "a.jpg", "labels": {"any.key": "x", "display_nam": "y"}}',
        '{"filename": "a\\"}, {\\"display_nam\\": 1", "labels": {}}',
        '{"file\\u006eame": "a.jpg"}',
        '{ "filename" : "it\'s.jpg" , "anonymize" : { "keepMetadata" : [ ] } }',
        "{}",
        "",
    ],
)
def test_what_the_contract_has_passes(client, body):
    assert client.post("/v1/uploads", content=body).status_code == 201


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('{"display\\u005fnam": 1}', "display_nam"),
        ('{"labels": {"a": "b"}, "x": {}}', "x"),
        ('{"anonymize": {"regions": [{"box": {"x": 1}}]}}', "anonymize.regions[0].box.x"),
        ('{"anonymize": {"objects": ["FACE", "PERSON"], "colour": "red"}}', "anonymize.colour"),
        ('{"é\\u00e9\\n\\"%s": 1}', 'é\\u00e9\\n\\"%s'),
    ],
)
def test_a_field_is_found_wherever_it_is(client, body, path):
    answer = client.post("/v1/uploads", content=body)
    assert (answer.status_code, reason_of(answer)) == (400, "REQUEST_MALFORMED"), answer.text
    assert answer.json()["details"][0]["metadata"] == {"field": path}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('{filename: "a.jpg"}', "a key without double quotes at byte 2"),
        ('{"labels": { b : "c"}}', "a key without double quotes at byte 14"),
        ('{"filename": "a.jpg", labels: {}}', "a key without double quotes at byte 23"),
        ('{"filename": "a.jpg",}', "a key without double quotes at byte 22"),
        ("{'filename': \"a.jpg\"}", "single quotes at byte 2"),
        ("{\"filename\": 'a.jpg'}", "single quotes at byte 14"),
    ],
)
def test_what_only_javascript_reads_is_no_json(client, body, fault):
    answer = client.post("/v1/uploads", content=body)
    assert (answer.status_code, reason_of(answer)) == (400, "REQUEST_MALFORMED"), answer.text
    assert answer.json()["message"] == f"the request cannot be parsed: the body is no JSON: {fault}"


@pytest.mark.parametrize("body", ['{"display_nam": ', '{"filename": "a', "[" * 200, "}", ",", '{"a"', "nothing"])
def test_what_is_no_json_is_refused_as_before(client, body):
    answer = client.post("/v1/uploads", content=body)
    assert (answer.status_code, reason_of(answer)) == (400, "REQUEST_MALFORMED"), answer.text


MODES = "BLUR, MOSAIC, SOLID, GRADIENT"
CLASSES = "FACE, PERSON, LICENSE_PLATE, VEHICLE"
BOX = {"left": 0.1, "top": 0.1, "right": 0.2, "bottom": 0.2}
SPAN = {"regions": [{}, {"keyframes": [{"time": "1 s"}]}]}


@pytest.mark.parametrize(
    ("path", "body", "field", "problem"),
    [
        ("invites", {"download": "EVERYTHING"}, "download", '"EVERYTHING" is not one of NONE, OWN, ALL'),
        ("invites", {"download": ""}, "download", '"" is not one of NONE, OWN, ALL'),
        ("invites", {"ttl": "1h"}, "ttl", '"1h" is not a valid Duration, such as "3600s"'),
        (
            "invites",
            {"expireTime": "tomorrow"},
            "expireTime",
            '"tomorrow" is not a valid Timestamp, such as "2026-01-31T12:00:00Z"',
        ),
        ("media/x:process", {"anonymize": {"mode": "NOISE"}}, "anonymize.mode", f'"NOISE" is not one of {MODES}'),
        (
            "media/x:process",
            {"anonymize": {"objects": ["FACE", "CAR"]}},
            "anonymize.objects[1]",
            f'"CAR" is not one of {CLASSES}',
        ),
        (
            "media/x:process",
            {"anonymize": SPAN},
            "anonymize.regions[1].keyframes[0].time",
            '"1 s" is not a valid Duration, such as "3600s"',
        ),
    ],
)
def test_a_value_that_its_field_does_not_take_is_refused_with_its_path(client, path, body, field, problem):
    answer = client.post(f"/v1/{path}", json=body)
    assert (answer.status_code, reason_of(answer)) == (400, "REQUEST_MALFORMED"), answer.text
    assert answer.json()["message"] == f"{field}: {problem}"
    info, bad_request = answer.json()["details"]
    assert info["metadata"] == {"field": field}
    violation = {"field": field, "description": problem, "reason": "INVALID_VALUE"}
    assert bad_request["field_violations"] == [violation]


@pytest.mark.parametrize(
    "body",
    [
        {"state": "active", "expire_time": "2126-01-31T12:00:00.5+01:00"},
        {"state": "+2", "anonymize": {"mode": "Solid", "objects": ["license-plate", 1]}},
        {"state": 2, "anonymize": {"mode": "MODE_UNSPECIFIED", "keepMetadata": ["capture_Time"]}},
        {"state": None, "anonymize": {"mode": "SOLID", "regions": [{"box": BOX, "start": "+1s", "end": "60.5s"}]}},
    ],
)
def test_every_way_to_write_a_value_passes(client, body):
    # With an escape in it, as not every library writes it.
    text = json.dumps({"filename": "a.jpg", **body}).replace("SOLID", "\\u0053OLID")
    answer = client.post("/v1/uploads", content=text)
    assert answer.status_code == 201, answer.text


def test_a_body_that_is_an_array_is_refused(client):
    answer = client.post("/v1/invites", content=" [{}]")
    assert (answer.status_code, reason_of(answer)) == (400, "REQUEST_MALFORMED")
    assert "the body is an array; it must be an object" in answer.json()["message"]
