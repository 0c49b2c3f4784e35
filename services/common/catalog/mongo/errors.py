"""Translates the driver's errors to those of the catalog port."""

from __future__ import annotations

from pymongo.errors import OperationFailure, PyMongoError

from services.common.base.errors import StoreFull, StoreUnavailable

_STORE = "catalog"
_TYPE_MISMATCH = 14
_BAD_VALUE = 2
_OUT_OF_DISK_SPACE = 14031
DUPLICATE_KEY = 11000


def translated(error: PyMongoError) -> Exception:
    """The same as an error of the catalog."""
    code = error.code if isinstance(error, OperationFailure) else None
    if code == _OUT_OF_DISK_SPACE:
        return StoreFull(_STORE)
    if code == _TYPE_MISMATCH:
        return TypeError(str(error))
    if code == _BAD_VALUE:
        return ValueError(str(error))
    return StoreUnavailable(_STORE, str(error))
