"""The processor: every computation."""

from __future__ import annotations

import sys

from dropmesh.v1 import processor_service_pb2

from services.common.service import run
from services.processor.bootstrap import wire
from services.processor.models.errors import ModelError

if __name__ == "__main__":
    try:
        run("processor", processor_service_pb2.DESCRIPTOR.services_by_name["ProcessorService"], wire)
    except ModelError as error:
        # The operator has to act, and a traceback would not help.
        sys.exit(f"the processor cannot start: {error}")
