"""Every method of the contract refuses whom it should; a new method is in these tables by itself."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
from dropmesh.v1 import behavior_pb2
from dropmesh.v1.behavior_pb2 import Behavior
from google.api import resource_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from PIL import Image

from scripts.edge.routes import SERVICES
from tests.e2e.errors import info_of, status_of
from tests.e2e.mesh import Mesh, bearer, eventually

METHODS = [method for service in SERVICES.values() for method in service.methods]
NAMED = {method.full_name: method for method in METHODS}
TIME = "2019-05-01T10:00:00Z"


def behavior(method: MethodDescriptor) -> Behavior:
    return method.GetOptions().Extensions[behavior_pb2.behavior]


PROTECTED = [method.full_name for method in METHODS if behavior(method).scope != Behavior.PUBLIC]
TOKEN_ALWAYS = [method.full_name for method in METHODS if behavior(method).token_always]


@dataclass(frozen=True)
class Refusal:
    code: grpc.StatusCode
    reason: str


def refusal(address: str, method: MethodDescriptor, token: str | None, **fields: Any) -> Refusal | None:
    """Calls a method; what it was refused with, or None."""
    request = message_factory.GetMessageClass(method.input_type)(**fields)
    answer = message_factory.GetMessageClass(method.output_type)
    metadata = tuple(bearer(token).items()) if token else ()
    path = f"/{method.containing_service.full_name}/{method.name}"
    with grpc.insecure_channel(address) as channel:
        try:
            if method.client_streaming and method.server_streaming:
                both = channel.stream_stream(path, type(request).SerializeToString, answer.FromString)
                list(both(iter([request]), metadata=metadata, timeout=20))
            elif method.client_streaming:
                call = channel.stream_unary(path, type(request).SerializeToString, answer.FromString)
                call(iter([request]), metadata=metadata, timeout=20)
            elif method.server_streaming:
                stream = channel.unary_stream(path, type(request).SerializeToString, answer.FromString)
                list(stream(request, metadata=metadata, timeout=20))
            else:
                unary = channel.unary_unary(path, type(request).SerializeToString, answer.FromString)
                unary(request, metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            return Refusal(error.code(), info_of(status_of(error)).reason)
    return None


@pytest.fixture(scope="module")
def expired(tokens_mesh: Mesh) -> str:
    return tokens_mesh.token("alice", "read", "write", days=-1)


@pytest.fixture(scope="module")
def scopeless(tokens_mesh: Mesh) -> dict[int, str]:
    """For each scope, a token that lacks it."""
    return {
        Behavior.READ: tokens_mesh.token("alice", "write"),
        Behavior.WRITE: tokens_mesh.token("alice", "read"),
        Behavior.ADMIN: tokens_mesh.token("alice", "read", "write"),
    }


def test_every_method_says_who_may_call_it():
    assert [method.full_name for method in METHODS if behavior(method).scope == Behavior.SCOPE_UNSPECIFIED] == []


@pytest.mark.parametrize("name", PROTECTED)
def test_no_token_is_refused(tokens_mesh, name):
    assert refusal(tokens_mesh.address, NAMED[name], None) == Refusal(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


@pytest.mark.parametrize("name", PROTECTED)
def test_a_wrong_token_is_refused(tokens_mesh, name):
    wrong = tokens_mesh.admin_token[:-4] + "0000"
    assert refusal(tokens_mesh.address, NAMED[name], wrong) == Refusal(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


@pytest.mark.parametrize("name", PROTECTED)
def test_an_expired_token_is_refused(tokens_mesh, expired, name):
    assert refusal(tokens_mesh.address, NAMED[name], expired) == Refusal(
        grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED"
    )


@pytest.mark.parametrize("name", PROTECTED)
def test_a_token_without_the_scope_is_refused(tokens_mesh, scopeless, name):
    token = scopeless[behavior(NAMED[name]).scope]
    assert refusal(tokens_mesh.address, NAMED[name], token) == Refusal(
        grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"
    )


@pytest.mark.parametrize("name", TOKEN_ALWAYS)
def test_some_methods_ask_for_a_token_even_in_mode_open(mesh, name):
    assert refusal(mesh.address, NAMED[name], None) == Refusal(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


def test_a_revoked_token_is_refused_within_moments(tokens_mesh):
    token = tokens_mesh.token("carol", "read")
    method = NAMED["dropmesh.v1.QueryService.ListMedia"]
    assert refusal(tokens_mesh.address, method, token) is None
    tokens_mesh.run("scripts.mesh.token", "revoke", token.split("_")[1])
    eventually(lambda: refusal(tokens_mesh.address, method, token))
    assert refusal(tokens_mesh.address, method, token) == Refusal(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


@pytest.fixture(scope="module")
def alices(tokens_mesh: Mesh) -> Iterator[dict[str, str]]:
    """One resource of each kind that alice owns, by the first part of its name; and her token."""
    token = tokens_mesh.token("alice", "read", "write")
    headers = bearer(token)
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(picture, "JPEG")
    with httpx.Client(base_url=tokens_mesh.url, headers=headers, timeout=30) as http:
        drop = {"time_stamp": TIME, "data": [1.0, 2.0]}
        dropped = http.post("/v1/measurements?wait=5s", json=drop).raise_for_status().json()
        uploaded = http.post("/v1/media", content=picture.getvalue()).raise_for_status().json()
        yield {
            "token": token,
            "measurements": f"measurements/{TIME}",
            "sources": "sources/default",
            "receipts": dropped["receipt"]["name"],
            "media": uploaded["results"][0]["media"]["name"],
            "uploads": http.post("/v1/uploads", json={}).raise_for_status().json()["name"],
            "series": http.post("/v1/series", json={"values": [1.0]}).raise_for_status().json()["name"],
            "invites": http.post("/v1/invites", json={}).raise_for_status().json()["name"],
            "webhooks": http.post("/v1/webhooks", json={"url": "https://example.com/"})
            .raise_for_status()
            .json()["name"],
        }


@pytest.fixture(scope="module")
def bob(tokens_mesh: Mesh) -> str:
    return tokens_mesh.token("bob", "read", "write")


def collection_of(method: MethodDescriptor) -> tuple[str, str] | None:
    """The field of a request that names a resource, and the collection that it names."""
    for field in ("name", "parent"):
        if field in method.input_type.fields_by_name and behavior(method).scope != Behavior.PUBLIC:
            options = method.input_type.fields_by_name[field].GetOptions()
            kind = options.Extensions[resource_pb2.resource_reference].type.removeprefix("dropmesh.dev/").lower()
            return field, kind if kind in ("media", "series") else f"{kind}s"
    return None


# Models belong to nobody, and what only an admin may ask about has no other owner.
ABOUT_ONE = [
    method.full_name
    for method in METHODS
    if (found := collection_of(method)) and found[1] != "models" and behavior(method).scope != Behavior.ADMIN
]


@pytest.mark.parametrize("name", ABOUT_ONE)
def test_what_belongs_to_another_is_not_there(tokens_mesh, alices, bob, name):
    method = NAMED[name]
    field, collection = collection_of(method) or ("", "")
    # Where to append must be said.
    more = {"offset": 0} if method.name == "AppendUpload" else {}
    theirs = refusal(tokens_mesh.address, method, bob, **{field: alices[collection]}, **more)
    never = refusal(tokens_mesh.address, method, bob, **{field: never_was(alices[collection])}, **more)
    # A method that forgets what is not there succeeds, and must not have touched what is somebody else's.
    assert theirs == never
    assert theirs is None or theirs.code == grpc.StatusCode.NOT_FOUND
    with httpx.Client(base_url=tokens_mesh.url, headers=bearer(alices["token"])) as http:
        assert http.get(f"/v1/{alices[collection]}").status_code == 200


def never_was(name: str) -> str:
    if name.startswith("measurements/"):
        return "measurements/2020-01-01T00:00:00Z"
    return name[:-6] + "000000"


def test_lists_hold_what_one_owns_and_nothing_else(tokens_mesh, alices):
    headers = bearer(tokens_mesh.token("dave", "read", "write"))
    with httpx.Client(base_url=tokens_mesh.url, headers=headers) as http:
        for collection in ("media", "receipts", "measurements", "invites", "series"):
            assert http.get(f"/v1/{collection}").raise_for_status().json()[collection] == []
    # An instant names a measurement within its owner, so an admin has none but its own.
    with httpx.Client(base_url=tokens_mesh.url, headers=tokens_mesh.admin) as http:
        for collection in ("media", "receipts", "invites", "series"):
            names = [entry["name"] for entry in http.get(f"/v1/{collection}").raise_for_status().json()[collection]]
            assert alices[collection] in names
