"""Writes the OpenAPI document of a descriptor set, which holds the comments, to the standard output."""

from __future__ import annotations

import sys
from pathlib import Path

from google.protobuf import descriptor_pb2

from scripts.contract.openapi.document import openapi_document

sys.stdout.write(openapi_document(descriptor_pb2.FileDescriptorSet.FromString(Path(sys.argv[1]).read_bytes())))
