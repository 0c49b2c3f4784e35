"""A query cannot set a field that the path names: the request would be about something else than its path."""

from __future__ import annotations

import pytest

from scripts.edge.routes import RestPath, rest_paths
from tests.e2e.errors import reason_of

# The edge and the doors alone are asked: one kind of stores is enough.
pytestmark = pytest.mark.parametrize("stores", ["embedded"], indirect=True, scope="session")
NAMED = [
    (path, verb, name)
    for path in rest_paths()
    for verb, names in path.variables.items()
    if verb != "HEAD"
    for name in names
]


@pytest.mark.parametrize(("path", "verb", "name"), NAMED, ids=lambda value: getattr(value, "pattern", value))
def test_a_query_that_names_a_field_of_the_path_is_refused(client, path: RestPath, verb: str, name: str) -> None:
    address = path.pattern.replace("[^/]+", "x").replace("\\", "")
    escaped = f"%{ord(name[0]):02x}{name[1:]}"
    for written in (name, escaped):
        answer = client.request(verb, f"{address}?{written}=other")
        assert (answer.status_code, reason_of(answer)) == (400, "REQUEST_MALFORMED"), answer.text
        problem = "is a part of the path; the query cannot set it"
        assert answer.json()["message"] == f"{name}: {problem}"
        info, bad_request = answer.json()["details"]
        assert info["metadata"] == {"field": name}
        violation = {"field": name, "description": problem, "reason": "UNKNOWN_FIELD"}
        assert bad_request["field_violations"] == [violation]


def test_the_other_resource_is_left_alone(client) -> None:
    first, second = (client.post("/v1/series", json={"values": [1, 2]}).json()["name"] for _ in range(2))
    for verb, path in (("DELETE", f"/v1/{first}"), ("POST", f"/v1/{first}:append"), ("PATCH", f"/v1/{first}")):
        content = b"" if verb == "DELETE" else b'{"values": [3]}' if verb == "POST" else b'{"display_name": "x"}'
        answer = client.request(verb, f"{path}?name={second}", content=content)
        assert answer.status_code == 400, answer.text
    assert [client.get(f"/v1/{name}").json()["point_count"] for name in (first, second)] == ["2", "2"]
