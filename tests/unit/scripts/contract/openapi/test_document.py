"""The committed document, as a generator of clients reads it; test_judges holds it up to a running mesh."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scripts.contract.method_errors import METHODS

DOCUMENT = json.loads((Path(__file__).resolve().parents[5] / "proto" / "openapi.json").read_text())
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: {**operation, "verb": verb, "path": path}
    for path, verbs in DOCUMENT["paths"].items()
    for verb, operation in verbs.items()
}
# What every generator knows.
PLAIN = {
    "application/json",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
}


def parameters(name: str, place: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in OPERATIONS[name].get("parameters", []) if one["in"] == place}


def test_every_method_is_there():
    assert {method.name for method in METHODS.values()} <= set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_method_has_one_tag_that_is_a_noun(name):
    (tag,) = OPERATIONS[name]["tags"]
    assert tag in {one["name"] for one in DOCUMENT["tags"]}
    assert not tag.endswith("Service")


@pytest.mark.parametrize("name", [name for name, one in OPERATIONS.items() if "requestBody" in one])
def test_a_body_is_of_a_type_that_generators_know_and_required_unless_it_is_empty(name):
    body = OPERATIONS[name]["requestBody"]
    assert set(body["content"]) <= PLAIN
    is_empty = body["content"].get("application/json", {}).get("schema", {}).get("properties") == {}
    assert body.get("required", False) is not is_empty


@pytest.mark.parametrize("name", [name for name, one in OPERATIONS.items() if one.get("requestBody")])
def test_a_json_body_has_an_example(name):
    content = OPERATIONS[name]["requestBody"]["content"]
    assert "application/json" not in content or "example" in content["application/json"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_answer_has_concrete_media_types_and_one_that_generators_know(name):
    for status, answer in OPERATIONS[name]["responses"].items():
        content = answer.get("content", {})
        assert not [kind for kind in content if "*" in kind], status
        assert not content or PLAIN & set(content) or "text/html" in content, status


def test_a_drop_is_an_object_or_an_array_of_them():
    assert OPERATIONS["DropMeasurements"]["requestBody"]["content"] == {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/Drop"},
            "example": {"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]},
        }
    }
    reading = {"$ref": "#/components/schemas/Reading"}
    assert SCHEMAS["Drop"]["oneOf"] == [reading, {"type": "array", "minItems": 1, "items": reading}]
    assert SCHEMAS["Reading"]["required"] == ["time_stamp", "data"]


def test_a_form_has_the_options_before_the_files_that_they_are_for():
    form = OPERATIONS["UploadMedia"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert list(form["properties"])[-1] == "files"
    # Generators write what is required first, and the options would come too late.
    assert "required" not in form
    assert {"objects", "mode", "sha256", "filename"} <= set(form["properties"])
    assert "mode" not in OPERATIONS["UploadInviteMedia"]["requestBody"]["content"]["multipart/form-data"]["schema"]


def test_options_of_an_upload_are_query_parameters_too():
    assert {"objects", "mode", "anonymize.margin", "anonymize.shape", "sha256"} <= set(
        parameters("UploadMedia", "query")
    )


def test_what_the_edge_always_prints_is_required():
    assert {"name", "state", "warnings", "object_counts"} <= set(SCHEMAS["Media"]["required"])
    assert not {"original", "metadata", "create_time"} & set(SCHEMAS["Media"]["required"])
    assert "sample_stddev" not in SCHEMAS["Measurement"]["required"]


def test_what_only_the_mesh_sets_is_read_only_and_no_part_of_a_request():
    assert SCHEMAS["Upload"]["properties"]["committed_bytes"]["readOnly"] is True
    assert "readOnly" not in SCHEMAS["Upload"]["properties"]["filename"]
    assert not {"name", "state", "committed_bytes"} & set(SCHEMAS["UploadInput"]["properties"])
    assert "ttl" in SCHEMAS["InviteInput"]["properties"]
    assert "ttl" not in SCHEMAS["Invite"]["properties"]


def test_an_append_needs_its_offset():
    assert parameters("AppendUpload", "query")["offset"]["required"] is True


def test_a_download_has_the_headers_of_http():
    assert {"Range", "If-Range", "If-None-Match"} <= set(parameters("DownloadOriginal", "header"))
    answers = OPERATIONS["DownloadOriginal"]["responses"]
    assert {"ETag", "Content-Range", "Accept-Ranges"} <= set(answers["206"]["headers"])
    assert "Content-Range" in answers["416"]["headers"]
    busy = DOCUMENT["components"]["responses"]["Error429"]
    assert "Retry-After" in busy["headers"]


def test_each_value_of_an_enum_has_its_meaning():
    state = SCHEMAS["MediaState"]
    assert len(state["x-enum-descriptions"]) == len(state["enum"])
    assert all(f"- `{value}`: " in state["description"] for value in state["enum"])
    # Zero is never sent, so it is no value of a request or an answer.
    assert "OBJECT_CLASS_UNSPECIFIED" not in SCHEMAS["ObjectClass"]["enum"]


def test_details_of_an_error_are_typed():
    assert SCHEMAS["Status"]["properties"]["details"]["items"] == {"$ref": "#/components/schemas/ErrorDetail"}
    assert {one["$ref"].rpartition("/")[2] for one in SCHEMAS["ErrorDetail"]["oneOf"]} == {
        "ErrorInfo",
        "BadRequest",
        "RetryInfo",
    }


@pytest.mark.parametrize("name", SCHEMAS["ErrorReason"]["enum"])
def test_a_reason_has_a_meaning_and_advice(name):
    assert re.search(
        rf"- `{name}` \([A-Z_]+, \d{{3}}\): [A-Z].+\. [A-Z].+\.\n", SCHEMAS["ErrorReason"]["description"] + "\n"
    )


@pytest.mark.parametrize("name", DOCUMENT["components"]["examples"])
def test_a_reason_has_an_example(name):
    example = DOCUMENT["components"]["examples"][name]
    assert example["value"]["details"][0]["reason"] == name
    assert example["summary"]
    assert example["description"]
