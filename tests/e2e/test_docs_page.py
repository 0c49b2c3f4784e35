"""/docs: Swagger UI, with nothing from elsewhere, under a policy that allows nothing inline."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx


class Page(HTMLParser):
    """What a page loads, and what it has inline."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in ("script", "link", "img"):
            self.loaded += filter(None, (found.get("src"), found.get("href")))
        if tag == "style" or (tag == "script" and not found.get("src")):
            self.inline.append(tag)
        self.inline += [name for name in found if name == "style" or name.startswith("on")]


def test_the_page_loads_all_from_the_mesh_and_has_nothing_inline(client: httpx.Client) -> None:
    answer = client.get("/docs")
    page = Page()
    page.feed(answer.text)
    assert page.inline == []
    files = [path for path in page.loaded if not path.startswith("data:")]
    assert len(files) == 3
    for path in files:
        assert path.startswith("/docs/")
        file = client.get(path)
        assert file.status_code == 200
        # A browser refuses a type that does not fit.
        assert file.headers["content-type"].startswith("text/css" if path.endswith(".css") else "text/javascript")
        assert len(file.content) < 1024 or file.headers["content-encoding"] == "gzip"
        assert file.headers["x-content-type-options"] == "nosniff"


def test_the_policy_allows_the_mesh_alone(client: httpx.Client) -> None:
    policy = client.get("/docs").headers["content-security-policy"]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    assert allowed["script-src"] == allowed["style-src"] == allowed["connect-src"] == "'self'"
    assert "unsafe" not in policy
    assert allowed["frame-ancestors"] == "'none'"


def test_the_page_offers_a_token_and_sends_no_document_elsewhere(client: httpx.Client) -> None:
    start = client.get("/docs/start.js").text
    assert re.search(r"url: \"/openapi.json\"", start)
    # The badge of a validator would send the address of the document to its maker.
    assert "validatorUrl: null" in start
    assert client.get("/openapi.json").json()["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_the_example_of_a_drop_is_a_drop(client: httpx.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v1/measurements"]["post"]
    # The page sends the first type that it finds.
    kind, content = next(iter(operation["requestBody"]["content"].items()))
    dropped = client.post(
        "/v1/measurements", params={"wait": "5s"}, json=content["example"], headers={"content-type": kind}
    )
    assert (dropped.status_code, dropped.json()["receipt"]["state"]) == (200, "PROCESSED")
