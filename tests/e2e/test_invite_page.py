"""An invite's link in a browser: a page with a form, and pages as its answers."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.e2e.errors import reason_of
from tests.e2e.mesh import Mesh
from tests.e2e.test_docs_page import Page
from tests.support.media_samples import image_bytes

# The edge and the page alone: one kind of stores is enough.
pytestmark = pytest.mark.parametrize("stores", ["embedded"], indirect=True, scope="session")
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def link(mesh: Mesh, **fields: Any) -> str:
    answer = httpx.post(f"{mesh.url}/v1/invites", json=fields, headers=mesh.admin)
    assert answer.status_code == 201, answer.text
    return str(httpx.URL(answer.json()["uri"]).path)


def picture(width: int) -> tuple[str, bytes]:
    return f"{width}.jpg", image_bytes("jpeg", size=(width, 40))


def is_page(answer: httpx.Response) -> bool:
    page = Page()
    page.feed(answer.text)
    assert page.inline == []
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    # The address is a secret: it is sent to no other site, and kept by no cache.
    assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("same-origin", "no-store")
    return answer.headers["content-type"] == "text/html; charset=utf-8"


def test_the_link_opens_a_form_in_a_browser_and_json_elsewhere(mesh: Mesh, client: httpx.Client) -> None:
    path = link(mesh, display_name="Anna & Ben", anonymize={"objects": ["FACE", "PERSON"]}, download="ALL")
    # A messenger may add parameters of its own.
    page = client.get(f"{path}?fbclid=1", headers=BROWSER)
    assert (page.status_code, is_page(page)) == (200, True)
    for said in ("Anna &amp; Ben", "Faces are", "People are", ' UTC.</p>\n<form method="post" action="media"'):
        assert said in page.text
    assert client.get("/docs/invite.css").headers["content-type"].startswith("text/css")
    assert client.get(path).json() == {"media": [], "next_page_token": ""}
    assert client.head(path, headers=BROWSER).status_code == 200


def test_the_page_leads_to_the_downloads(mesh: Mesh, client: httpx.Client) -> None:
    every = link(mesh, download="ALL", max_uploads=1)
    assert "Nothing yet" in client.get(every, headers=BROWSER).text
    (sent,) = client.post(every, files=[("files", picture(70))]).json()["results"]
    with client.stream("GET", f"/v1/{sent['media']['name']}:watch", headers=mesh.admin) as lines:
        assert "PROCESSED" in list(lines.iter_lines())[-1]
    page = client.get(every, headers=BROWSER)
    assert (page.status_code, is_page(page), "<form" in page.text) == (200, True, False)
    (path,) = re.findall(r'href="(media/[^"]+)"', page.text)
    found = client.get(httpx.URL(f"{client.base_url}{every}").join(path), headers=BROWSER)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/jpeg")

    own = link(mesh, download="OWN", pin="4711")
    page = client.post(own, data={"pin": "4711"}, files=[("files", picture(71))], headers=BROWSER)
    (path,) = re.findall(r'href="(media/[^"]+)"', page.text)
    address = httpx.URL(f"{client.base_url}{own}").join(path)
    assert client.get(address, headers=BROWSER).status_code in (200, 409)
    refused = client.get(address.copy_with(query=None), headers=BROWSER)
    assert (refused.status_code, is_page(refused)) == (403, True)


def test_the_pin_opens_the_page_with_the_downloads_of_all(mesh: Mesh, client: httpx.Client) -> None:
    path = link(mesh, display_name="Anna", download="ALL", pin="4711", max_uploads=1)
    headers = {"x-invite-pin": "4711"}
    (sent,) = client.post(path, files=[("files", picture(72))], headers=headers).json()["results"]
    with client.stream("GET", f"/v1/{sent['media']['name']}:watch", headers=mesh.admin) as lines:
        assert "PROCESSED" in list(lines.iter_lines())[-1]
    # The link takes no more files.
    asking = client.get(path, headers=BROWSER)
    assert (asking.status_code, is_page(asking)) == (200, True)
    assert "72.jpg" not in asking.text
    assert "Anna" not in asking.text
    address = httpx.URL(f"{client.base_url}{path}").join("page")
    origin = {"origin": str(client.base_url).rstrip("/")}
    opened = client.post(address, data={"pin": "4711"}, headers={**BROWSER, **origin})
    assert (opened.status_code, is_page(opened), "Anna" in opened.text) == (200, True, True), opened.text
    (download,) = re.findall(r'href="(media/[^"]+)"', opened.text)
    found = client.get(address.join(download), headers=BROWSER)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/jpeg")
    for form, status, text in (({"pin": "1"}, 403, "the PIN is wrong"), ({"proof": "x"}, 403, "the invite has a PIN")):
        refused = client.post(address, data=form, headers=BROWSER)
        assert (refused.status_code, is_page(refused), text in refused.text) == (status, True, True)
    assert reason_of(client.post(address, data={"pin": "1"})) == "INVITE_PIN_WRONG"


def test_the_form_is_answered_with_a_page_or_json(mesh: Mesh, client: httpx.Client) -> None:
    path = link(mesh, pin="4711", require_sender_name=True)
    form = {"pin": "4711", "sender_name": "Mia"}
    files = [("files", picture(65)), ("files", picture(66)), ("files", ("a.txt", b"no picture"))]
    page = client.post(path, data=form, files=files, headers={**BROWSER, "origin": str(client.base_url).rstrip("/")})
    assert (page.status_code, is_page(page)) == (201, True), page.text
    assert page.text.count("arrived") == 2
    assert "<li>a.txt: refused: " in page.text
    again = client.post(path, data=form, files=files[:1])
    assert again.json()["results"][0]["duplicate"] is True


@pytest.mark.parametrize("headers", [BROWSER, {}], ids=["browser", "curl"])
def test_a_refusal_has_its_status_and_the_form_that_was_asked_for(
    mesh: Mesh, client: httpx.Client, headers: dict[str, str]
) -> None:
    path = link(mesh, pin="4711")
    gone = "/v1/invites/never.was/media"
    wrong = {"data": {"pin": "1"}, "files": [("files", picture(67))]}
    for answer, status, reason, text in (
        (client.get(gone, headers=headers), 404, "INVITE_NOT_FOUND", "no such invite"),
        (client.post(path, headers=headers, **wrong), 403, "INVITE_PIN_WRONG", "the PIN is wrong"),
    ):
        assert (answer.status_code, text in answer.text) == (status, True), answer.text
        if headers:
            assert is_page(answer)
        else:
            assert reason_of(answer) == reason
