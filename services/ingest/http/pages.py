"""Whether a request wants a page in place of JSON: a browser that sent the form of an invite's link."""

from __future__ import annotations

import re

PATH = re.compile(rb"/v1/invites/[^/?]+/media(\?.*)?")


def wants_page(url: bytes, accept: str) -> bool:
    """Whether a page is asked for."""
    return "text/html" in accept and PATH.fullmatch(url) is not None
