"""The error of the work on a video that its own code may want to tell apart."""

from __future__ import annotations


class VideoCancelled(Exception):
    """The work was cancelled between two frames; nothing is left of it."""
