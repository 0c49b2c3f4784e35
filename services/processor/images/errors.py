"""Why a picture cannot be anonymized."""

from __future__ import annotations

from dropmesh.v1 import error_reason_pb2

from services.common.base.errors import InvalidArgument


class PictureUnsupported(InvalidArgument):
    """The bytes are of no picture format that is taken."""

    def __init__(self) -> None:
        super().__init__(
            error_reason_pb2.MEDIA_TYPE_UNSUPPORTED,
            "not a picture in a format that is taken: JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIC",
            http_status=415,
        )


class PictureTooLarge(InvalidArgument):
    """The picture has more pixels or frames than are taken; `limit` and `found` are texts with their unit."""

    def __init__(self, limit: str, found: str) -> None:
        super().__init__(
            error_reason_pb2.MEDIA_TOO_LONG_OR_WIDE,
            f"the picture has {found}, and {limit} are taken",
            metadata={"limit": limit, "found": found},
        )


class PictureUnreadable(InvalidArgument):
    """Not one row of the picture can be had."""

    def __init__(self, format: str, problem: str) -> None:
        super().__init__(
            error_reason_pb2.MEDIA_UNREADABLE,
            f"the {format} cannot be read: {problem}",
            metadata={"format": format},
        )
        self.problem = problem
