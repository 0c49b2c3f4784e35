"""ONNX Runtime, as little of it as is needed: a model opened on a device, and run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from services.processor.models.errors import ProviderMissing

Observe: TypeAlias = Callable[[str, float], None]
"""Called with the model's name and the seconds of each run."""


class Provider(StrEnum):
    """Where models run."""

    CPU = "cpu"
    CUDA = "cuda"


_ORT_NAMES = {Provider.CPU: "CPUExecutionProvider", Provider.CUDA: "CUDAExecutionProvider"}


@dataclass(frozen=True, slots=True)
class Runtime:
    """How models are run: the device, the number of threads, and a callback for the time of each run."""

    provider: Provider = Provider.CPU
    threads: int = 1
    observe: Observe | None = None

    def require_provider(self) -> None:
        """Raise `ProviderMissing` where this machine's ONNX Runtime has no such provider."""
        if _ORT_NAMES[self.provider] not in ort.get_available_providers():
            raise ProviderMissing(self.provider, sorted(ort.get_available_providers()))


class Model:
    """One model's weights, loaded at the first run; safe to run from several threads."""

    def __init__(self, name: str, path: Path, runtime: Runtime) -> None:
        self._name = name
        self._path = path
        self._runtime = runtime
        self._lock = threading.Lock()
        self._session: ort.InferenceSession | None = None

    def run(self, tensor: NDArray[np.float32], outputs: int) -> Sequence[NDArray[Any]]:
        """Run on a batch and return the first `outputs` output tensors."""
        session = self._opened()
        names = [output.name for output in session.get_outputs()[:outputs]]
        started = time.perf_counter()
        results: Sequence[NDArray[Any]] = session.run(names, {session.get_inputs()[0].name: tensor})
        if self._runtime.observe is not None:
            self._runtime.observe(self._name, time.perf_counter() - started)
        return results

    def _opened(self) -> ort.InferenceSession:
        with self._lock:
            if self._session is None:
                self._session = self._open()
            return self._session

    def _open(self) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._runtime.threads
        options.inter_op_num_threads = 1
        # Threads that spin while they wait would keep an idle mesh's cores busy.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena keeps for ever what the largest picture needed; the allocator gives it back, and is as fast.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        names = dict.fromkeys([_ORT_NAMES[self._runtime.provider], _ORT_NAMES[Provider.CPU]])
        return ort.InferenceSession(str(self._path), options, providers=list(names))
