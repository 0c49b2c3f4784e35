from __future__ import annotations

import pytest

from services.common.rest.paths import path_pattern


@pytest.mark.parametrize(
    ("template", "path", "variables"),
    [
        ("/v1/statistics", "/v1/statistics", {}),
        ("/v1/{name=media/*}", "/v1/media/a%20b", {"name": "media/a%20b"}),
        ("/v1/{name=media/*}", "/v1/media/a/b", None),
        ("/v1/{name=media/*}:watch", "/v1/media/a:watch", {"name": "media/a"}),
        ("/v1/invites/{link}/{name=media/*}", "/v1/invites/x.y/media/a", {"link": "x.y", "name": "media/a"}),
        (
            "/v1/{name=owners/*/sources/*/series}",
            "/v1/owners/o/sources/s/series",
            {"name": "owners/o/sources/s/series"},
        ),
        ("/openapi.json", "/openapixjson", None),
    ],
)
def test_a_template_fits_paths_and_finds_their_variables(
    template: str, path: str, variables: dict[str, str] | None
) -> None:
    found = path_pattern(template).fullmatch(path)
    assert (None if found is None else found.groupdict()) == variables
