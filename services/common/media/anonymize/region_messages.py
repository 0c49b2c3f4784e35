"""Boxes and regions, between the contract and what is stored."""

from __future__ import annotations

from collections.abc import Sequence

from dropmesh.v1 import object_pb2

from services.common.base.errors import InvalidField
from services.common.base.instants import SECOND_NS, from_duration, to_duration
from services.common.media.anonymize.regions import Region
from services.common.media.vocabulary import Box, TrackPoint

KEYFRAMES_MOST = 1000
"""Of all regions of one field: they are part of each document that holds the options."""


def to_box(message: object_pb2.Box) -> Box:
    """A box as it is stored."""
    return Box(message.left, message.top, message.right, message.bottom)


def box_message(box: Box) -> object_pb2.Box:
    """A box in the contract."""
    return object_pb2.Box(left=box.left, top=box.top, right=box.right, bottom=box.bottom)


def point_message(point: TrackPoint) -> object_pb2.TrackPoint:
    """A moment of a track or a region in the contract."""
    return object_pb2.TrackPoint(time=to_duration(point.time_ns), box=box_message(point.box))


def region_message(region: Region) -> object_pb2.Region:
    """A region in the contract: with a box, or with keyframes if it moves."""
    message = object_pb2.Region()
    if len(region.keyframes) == 1:
        message.box.CopyFrom(box_message(region.keyframes[0].box))
    else:
        message.keyframes.extend(map(point_message, region.keyframes))
    if region.start_ns:
        message.start.CopyFrom(to_duration(region.start_ns))
    if region.end_ns is not None:
        message.end.CopyFrom(to_duration(region.end_ns))
    return message


def to_regions(messages: Sequence[object_pb2.Region], field: str) -> tuple[Region, ...]:
    """Regions as they are stored; refuses those that mean nothing, and names the field."""
    count = sum(len(message.keyframes) for message in messages)
    if count > KEYFRAMES_MOST:
        raise InvalidField(field, f"must have {KEYFRAMES_MOST} keyframes at most in all; found {count}")
    return tuple(_region(message, f"{field}[{index}]") for index, message in enumerate(messages))


def _region(message: object_pb2.Region, field: str) -> Region:
    start_ns = from_duration(message.start)
    end_ns = from_duration(message.end) if message.HasField("end") else None
    if end_ns is not None and end_ns <= start_ns:
        raise InvalidField(f"{field}.end", f"must be after start, {_seconds(start_ns)}; found {_seconds(end_ns)}")
    if message.HasField("box") == bool(message.keyframes):
        raise InvalidField(field, "must have either a box or keyframes")
    if message.HasField("box"):
        return Region(Region.resting(_checked_box(message.box, f"{field}.box")).keyframes, start_ns, end_ns)
    points = [
        TrackPoint(from_duration(point.time), _checked_box(point.box, f"{field}.keyframes[{index}].box"))
        for index, point in enumerate(message.keyframes)
    ]
    for index in range(1, len(points)):
        before_ns, time_ns = points[index - 1].time_ns, points[index].time_ns
        if time_ns <= before_ns:
            problem = f"must be after the keyframe before it, {_seconds(before_ns)}; found {_seconds(time_ns)}"
            raise InvalidField(f"{field}.keyframes[{index}].time", problem)
    return Region(tuple(points), start_ns, end_ns)


def _checked_box(message: object_pb2.Box, field: str) -> Box:
    box = to_box(message)
    if not box.area:
        raise InvalidField(field, "must have an area: right greater than left, and bottom greater than top")
    return box


def _seconds(time_ns: int) -> str:
    return f"{time_ns / SECOND_NS:g} s"
