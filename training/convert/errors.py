"""Why a published file cannot be converted."""

from __future__ import annotations


class ConversionFailed(Exception):
    """Published weights are not what the conversion was written for."""
