"""Every mesh of these tests is held to the list of errors in the contract; here is that this can fail."""

from __future__ import annotations

import json

from tests.e2e.seen_errors import unlisted_errors


def line(method: str, reason: str) -> str:
    return json.dumps({"message": "refused", "method": f"dropmesh.v1.{method}", "reason": reason}) + "\n"


def test_an_error_that_the_contract_does_not_list_is_named_with_its_method(tmp_path):
    listed = line("QueryService.GetMedia", "MEDIA_NOT_FOUND") + line("QueryService.GetMedia", "TOKEN_MISSING")
    unlisted = line("QueryService.GetMedia", "MEDIA_DELETED")
    (tmp_path / "query.log.1").write_text("not JSON\n" + listed + unlisted + unlisted[:-9])
    (tmp_path / "query.log").write_text(listed)
    (seen,) = unlisted_errors(tmp_path)
    assert seen.startswith("dropmesh.v1.QueryService.GetMedia answered MEDIA_DELETED, ")


def test_a_refusal_of_a_running_mesh_is_seen(client, mesh):
    client.get("/v1/media/never-was")
    assert '"MEDIA_NOT_FOUND"' in (mesh.data / "logs" / "query.log").read_text()
    assert unlisted_errors(mesh.data / "logs") == []
