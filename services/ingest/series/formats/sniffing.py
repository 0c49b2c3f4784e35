"""Detects the format of a body from its bytes; the content type is ignored."""

from __future__ import annotations

from services.ingest.series.formats import columnar, csv_body, json_body, npy_body
from services.ingest.series.formats.body import ParsedBody, RawBody
from services.ingest.series.formats.refusals import empty_series, unsupported

_START_BYTES = 512
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip stream",
    b"\x28\xb5\x2f\xfd": "a zstd stream",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
}


def body_format(raw: RawBody) -> str:
    """The format's name; raises SeriesRefused for any other."""
    start = raw.start(_START_BYTES)
    if not start.strip():
        raise empty_series()
    if start.startswith(npy_body.MAGIC):
        return npy_body.FORMAT
    if start.startswith(columnar.PARQUET_MAGIC):
        return columnar.PARQUET
    if start.startswith((columnar.ARROW_FILE_MAGIC, columnar.ARROW_STREAM_MAGIC)):
        return columnar.ARROW
    for magic, name in _OTHERS.items():
        if start.startswith(magic):
            raise unsupported(name)
    if b"\0" in start:
        raise unsupported("binary data")
    return json_body.FORMAT if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[") else csv_body.FORMAT


def parsed_body(raw: RawBody, form: str, most_points: int) -> ParsedBody:
    """The body, read as that format."""
    if form == npy_body.FORMAT:
        return npy_body.parse_npy(raw)
    if form == columnar.PARQUET:
        return columnar.parse_parquet(raw, most_points)
    if form == columnar.ARROW:
        return columnar.parse_arrow(raw)
    return json_body.parse_json(raw) if form == json_body.FORMAT else csv_body.parse_csv(raw)
