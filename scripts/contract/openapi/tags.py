"""The tags of the document: the noun that a method is about, by the first part of its path."""

from __future__ import annotations

import re

PREFIX = re.compile(r"^/(?:v1|api/v2)/")
TAGS = {
    "Media": "Images and videos: upload, read, download, process again, delete.",
    "Uploads": "An upload in pieces, which continues where it broke off.",
    "Invites": "Links that let their holder upload without a token.",
    "Images": "Computations on one image, of which nothing is stored.",
    "Drops": "Readings as JSON, their receipts, and the measurements computed from them.",
    "Series": "Signals: points over time, metrics, spectra, forecasts and plots.",
    "Events": "What happened to media and drops, as a stream and as calls of webhooks.",
    "Erasure": "Deletion of all data of an owner, and how long data is kept.",
    "Statistics": "Counts of media, kept up to date.",
    "Models": "The models that detect and classify.",
    "Limits": "The limits of this mesh, and what is used of them.",
    "Documentation": "This document.",
}
BY_PATH = {
    "media": "Media",
    "uploads": "Uploads",
    "invites": "Invites",
    "images": "Images",
    "measurements": "Drops",
    "receipts": "Drops",
    "sources": "Drops",
    "series": "Series",
    "write": "Series",
    "events": "Events",
    "webhooks": "Events",
    "erasures": "Erasure",
    "owners": "Erasure",
    "retention": "Erasure",
    "statistics": "Statistics",
    "models": "Models",
    "limits": "Limits",
    "openapi.json": "Documentation",
    "docs": "Documentation",
}


class NoTag(Exception):
    """A path is of a noun that no tag names."""


def tag_of(template: str) -> str:
    """Returns the tag of a path template such as /v1/{name=media/*}:cancel."""
    if "/series" in template:
        return "Series"
    nouns = re.search(r"[a-z.]+(?=[/:]|$)", PREFIX.sub("", template))
    noun = nouns[0] if nouns else template
    if noun not in BY_PATH:
        raise NoTag(f"no tag for {template}: add {noun!r} to BY_PATH in scripts/contract/openapi/tags.py")
    return BY_PATH[noun]


def tags(used: set[str]) -> list[dict[str, str]]:
    """The tags that are used, in the order in which a reader meets them."""
    return [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
