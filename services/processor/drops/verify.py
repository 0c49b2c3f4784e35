"""Computes a measurement again from its raw bytes."""

from __future__ import annotations

import asyncio
import hashlib
import struct
import sys
from dataclasses import replace

from dropmesh.v1 import processor_service_pb2

from services.common.base.errors import DataLoss
from services.common.drops.measurements import Measurement, Measurements
from services.common.drops.messages import measurement_message
from services.common.drops.names import named_measurement
from services.common.drops.receipt import Receipt, check_raw_kept
from services.common.drops.receipts import Receipts
from services.common.rpc.call import Call
from services.processor.drops.parsing.outcomes import DropLimits
from services.processor.drops.results import DropRules, drop_result

# What was accepted is read again, also when the limits are tighter by now.
WITHOUT_LIMITS = DropLimits(
    max_bytes=sys.maxsize, max_points=sys.maxsize, max_measurements=sys.maxsize, max_memory_bytes=sys.maxsize
)


class MeasurementChecks:
    """Verifies measurements."""

    def __init__(self, receipts: Receipts, measurements: Measurements, code_version: str) -> None:
        self._receipts = receipts
        self._measurements = measurements
        self._rules = DropRules(WITHOUT_LIMITS, code_version)

    async def VerifyMeasurement(
        self, request: processor_service_pb2.VerifyMeasurementRequest, call: Call
    ) -> processor_service_pb2.VerifyMeasurementResponse:
        """Computes a measurement again from its raw bytes and compares, to the last bit."""
        stored = await self._measurements.get(call.caller, named_measurement(request.name, "name", call.caller))
        viewer = call.caller.owner
        receipt = (await self._receipts.get_many([stored.receipt])).get(stored.receipt)
        if receipt is not None:
            check_raw_kept(receipt)
        raw = None if receipt is None else await self._raw(receipt)
        response = processor_service_pb2.VerifyMeasurementResponse(stored=measurement_message(stored, viewer))
        if receipt is None or raw is None:
            return response
        response.sha256_agrees, computed = await asyncio.to_thread(self._compute, receipt, raw, stored)
        if computed is not None:
            response.numbers_agree = _numbers(computed) == _numbers(stored)
            response.computed.CopyFrom(measurement_message(computed, viewer))
        response.agrees = response.sha256_agrees and response.numbers_agree
        return response

    async def _raw(self, receipt: Receipt) -> bytes | None:
        try:
            return b"".join([chunk async for chunk in self._receipts.read_raw(receipt)])
        except DataLoss:
            return None

    def _compute(self, receipt: Receipt, raw: bytes, stored: Measurement) -> tuple[bool, Measurement | None]:
        result = drop_result(receipt, raw, self._rules, stored.process_time_ns)
        computed = next((one for one in result.measurements if one.time_ns == stored.time_ns), None)
        same_bytes = hashlib.sha256(raw).digest() == receipt.sha256
        return same_bytes, None if computed is None else replace(computed, version=stored.version)


def _numbers(one: Measurement) -> tuple[int, bool, bytes]:
    """Returns the bits to compare, so that 0.0 differs from -0.0."""
    values = (one.mean, one.population_stddev, one.sample_stddev or 0.0, one.min, one.max)
    return one.count, one.sample_stddev is None, struct.pack("<5d", *values)
