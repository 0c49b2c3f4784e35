"""The comments of the contract."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2


class Comments:
    """The comments of the contract, by full name."""

    def __init__(self, files: descriptor_pb2.FileDescriptorSet) -> None:
        self._texts: dict[str, str] = {}
        for file in files.file:
            for location in file.source_code_info.location:
                if location.leading_comments:
                    self._texts[_full_name(file, list(location.path))] = location.leading_comments.strip()

    def of(self, full_name: str) -> str:
        """Returns the comment of a message, field, enum, value, service or method; paragraphs kept, lines joined."""
        paragraphs = self._texts.get(full_name, "").split("\n\n")
        return "\n\n".join(" ".join(line.strip() for line in paragraph.split("\n")) for paragraph in paragraphs).strip()


def _full_name(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str:
    """The full name of what a source location speaks of: pairs of a field number and an index, from the file down."""
    names = [file.package]
    node: Any = file
    for number, index in zip(path[::2], path[1::2], strict=False):
        field = node.DESCRIPTOR.fields_by_number[number]
        if field.message_type is None or not field.is_repeated:
            return ""
        node = getattr(node, field.name)[index]
        if not hasattr(node, "name") or "options" in field.name:
            return ""
        names.append(node.name)
    return ".".join(names) if len(path) % 2 == 0 else ""
