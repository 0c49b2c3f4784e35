"""The pages of an invite's link for a browser: plain HTML, with a form that works without JavaScript."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

from dropmesh.v1 import ingest_service_pb2

from services.common.base.errors import DropmeshError
from services.common.base.instants import SECOND_NS
from services.common.invites.store import Invite
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.vocabulary import Mode, ObjectClass, Sound

HTML = "text/html; charset=utf-8"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The address holds the link's secret: no other site and no cache gets it. The form still names its origin.
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
PLURALS = {
    ObjectClass.FACE: "faces",
    ObjectClass.PERSON: "people",
    ObjectClass.LICENSE_PLATE: "license plates",
    ObjectClass.VEHICLE: "vehicles",
}
LOOKS = {
    Mode.BLUR: "blurred",
    Mode.MOSAIC: "pixelated",
    Mode.SOLID: "painted over",
    Mode.GRADIENT: "painted over with a gradient",
}
SOUNDS = {Sound.DROP: "removed", Sound.DISTORT: "distorted", Sound.BEEP: "replaced by a beep"}
TITLE = "Send photos and videos"


def form_page(invite: Invite) -> bytes:
    """The page of a link that takes uploads. Who has no PIN yet does not see the invite's name."""
    title = invite.display_name if invite.display_name and invite.pin is None else TITLE
    ends = datetime.fromtimestamp(invite.expire_time_ns / SECOND_NS, UTC)
    fields = ""
    if invite.pin is not None:
        fields += '<label>PIN <input type="password" name="pin" autocomplete="off" required></label>\n'
    required, optional = (" required", "") if invite.require_sender_name else ("", " (optional)")
    fields += f'<label>Your name{optional} <input name="sender_name" maxlength="100"{required}></label>\n'
    left = invite.max_uploads - invite.upload_count
    limit = f" At most {left} more." if invite.max_uploads else ""
    return _page(
        title,
        f"""<p>The link takes photos and videos until {ends:%-d %B %Y, %H:%M} UTC.{limit}</p>
<form method="post" action="media" enctype="multipart/form-data">
{fields}<label>Photos and videos <input type="file" name="files" accept="image/*,video/*" multiple required></label>
<button>Send</button>
</form>
<h2>How they are treated</h2>
<ul>
{_items(_treatment(invite.anonymize))}</ul>
<p>Detection may miss something. The person who gave you the link can also see the originals.</p>
""",
    )


def uploaded_page(results: Iterable[ingest_service_pb2.UploadResult]) -> bytes:
    """Returns a page with the outcome of each file."""
    lines = [f"{result.filename or 'a file'}: {_outcome(result)}" for result in results]
    return _page("Thank you", f'<ul>\n{_items(lines)}</ul>\n<p><a href="media">Send more</a></p>\n')


def refused_page(error: DropmeshError) -> bytes:
    """Why a request was refused."""
    return _page("That did not work", f'<p>{escape(error.message)}</p>\n<p><a href="media">Back</a></p>\n')


def _treatment(options: AnonymizeOptions) -> Iterable[str]:
    for name in options.objects:
        yield f"{PLURALS[name].capitalize()} are {LOOKS[options.style_of(name).mode]}."
    if options.regions:
        yield "Marked areas are always covered."
    if options.exempt:
        yield "Marked areas stay uncovered."
    if options.sound is not Sound.KEEP:
        yield f"The sound of videos is {SOUNDS[options.sound]}."
    kept = [name.replace("_", " ") for name in options.keep_metadata]
    exception = f", except: {', '.join(kept)}" if kept else ""
    yield f"Camera data, such as the place, is removed{exception}."


def _outcome(result: ingest_service_pb2.UploadResult) -> str:
    if not result.HasField("media"):
        return f"refused: {result.error.message}"
    return "had arrived before" if result.duplicate else "arrived"


def _items(lines: Iterable[str]) -> str:
    return "".join(f"<li>{escape(line)}</li>\n" for line in lines)


def _page(title: str, body: str) -> bytes:
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
<link rel="stylesheet" href="/docs/invite.css">
<link rel="icon" href="data:,">
<h1>{escape(title)}</h1>
{body}""".encode()
