"""The pages of an invite's link for a browser: plain HTML, with a form that works without JavaScript."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from dropmesh.v1 import ingest_service_pb2

from services.common.base.errors import DropmeshError
from services.common.base.instants import SECOND_NS
from services.common.invites.store import Download, Invite
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
PIN_FIELD = '<label>PIN <input type="password" name="pin" autocomplete="off" required></label>\n'
SAVE_LINKS = (
    "<p>A download is ready once the file has been processed. "
    "Keep this page or its links: they are not shown again.</p>\n"
)


@dataclass(frozen=True, slots=True)
class SentMedia:
    """The media that the holder of a link may download: id, file name and download_token of each."""

    files: tuple[tuple[str, str, str], ...]
    next_page: str = ""
    """The token of the page with older ones."""
    proof: str = ""
    """That the holder gave the PIN, if the invite has one."""


def form_page(invite: Invite, sent: SentMedia | None = None) -> bytes:
    """The page of a link that takes uploads. Who has not given the PIN does not see the invite's name."""
    is_known = invite.pin is None or sent is not None
    title = invite.display_name if invite.display_name and is_known else TITLE
    ends = datetime.fromtimestamp(invite.expire_time_ns / SECOND_NS, UTC)
    left = invite.max_uploads - invite.upload_count
    limit = f" At most {left} more." if invite.max_uploads else ""
    downloads = _downloads(invite, sent)
    if invite.max_uploads and left <= 0:
        return _page(title, f"<p>The link takes no more files; it lasts until {_instant(ends)}.</p>\n{downloads}")
    return _page(
        title,
        f"""<p>The link takes photos and videos until {_instant(ends)}.{limit}</p>
<form method="post" action="media" enctype="multipart/form-data">
{_fields(invite)}<button>Send</button>
</form>
{downloads}<h2>How they are treated</h2>
<ul>
{_items(_treatment(invite.anonymize))}</ul>
<p>Detection may miss something. The person who gave you the link can also see the originals.</p>
""",
    )


def _fields(invite: Invite) -> str:
    fields = "" if invite.pin is None else PIN_FIELD
    required, optional = (" required", "") if invite.require_sender_name else ("", " (optional)")
    fields += f'<label>Your name{optional} <input name="sender_name" maxlength="100"{required}></label>\n'
    chooser = '<input type="file" name="files" accept="image/*,video/*" multiple required>'
    return f"{fields}<label>Photos and videos {chooser}</label>\n"


def uploaded_page(results: Sequence[ingest_service_pb2.UploadResult]) -> bytes:
    """Returns a page with the outcome of each file, and a link to its download where the sender may have it."""
    lines = [f"<li>{escape(result.filename or 'a file')}: {_outcome(result)}</li>\n" for result in results]
    note = SAVE_LINKS if any(result.download_token for result in results) else ""
    return _page("Thank you", f'<ul>\n{"".join(lines)}</ul>\n{note}<p><a href="media">Send more</a></p>\n')


def refused_page(error: DropmeshError, back: str = "media") -> bytes:
    """Why a request was refused; `back` leads to the form from the address of the request."""
    return _page("That did not work", f'<p>{escape(error.message)}</p>\n<p><a href="{back}">Back</a></p>\n')


def _downloads(invite: Invite, sent: SentMedia | None) -> str:
    if invite.download is not Download.ALL:
        return ""
    if sent is None:
        return f"<h2>Downloads</h2>\n{_form_to_page(PIN_FIELD, 'Show')}"
    if not sent.files:
        return "<h2>Downloads</h2>\n<p>Nothing yet: a file is here once it has been processed.</p>\n"
    lines = "".join(f"<li>{_link(media_id, name or 'a file', token)}</li>\n" for media_id, name, token in sent.files)
    return f"<h2>Downloads</h2>\n<ul>\n{lines}</ul>\n{_older(sent)}"


def _older(sent: SentMedia) -> str:
    if not sent.next_page:
        return ""
    if not sent.proof:
        return f'<p><a href="page?page_token={quote(sent.next_page)}">Older files</a></p>\n'
    hidden = {"proof": sent.proof, "page_token": sent.next_page}
    fields = (f'<input type="hidden" name="{name}" value="{escape(value)}">\n' for name, value in hidden.items())
    return _form_to_page("".join(fields), "Older files")


def _form_to_page(fields: str, button: str) -> str:
    """A form in place of a link: no address has the PIN or its proof."""
    return f'<form method="post" action="page">\n{fields}<button>{button}</button>\n</form>\n'


def _link(media_id: str, text: str, token: str = "") -> str:
    query = f"?token={quote(token)}" if token else ""
    return f'<a href="media/{quote(media_id)}/anonymized{query}">{escape(text)}</a>'


def _instant(time: datetime) -> str:
    return f"{time:%-d %B %Y, %H:%M} UTC"


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
        return f"refused: {escape(result.error.message)}"
    outcome = "had arrived before" if result.duplicate else "arrived"
    if not result.download_token:
        return outcome
    return f"{outcome}; {_link(result.media.name.removeprefix('media/'), 'download', result.download_token)}"


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
