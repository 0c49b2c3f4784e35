"""Reads a PyTorch state dict of the old format (before 1.6) without PyTorch.

The file is a row of pickles (a magic number, a protocol, the machine's sizes, the state dict, the keys of its
storages) followed by the storages' bytes. A pickle may call anything, so this one may call three things only: the
ordered dictionary, the marker of a storage, and the function that makes a tensor of one.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.convert.errors import ConversionFailed

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Storage:
    def __init__(self, dtype: np.dtype[Any], count: int) -> None:
        self.dtype = dtype
        self.count = count
        self.values: NDArray[Any] = np.empty(0, dtype)


class _Tensor:
    def __init__(self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> NDArray[Any]:
        last = self.offset + sum((side - 1) * stride for side, stride in zip(self.shape, self.strides, strict=True))
        if any(value < 0 for value in (self.offset, *self.shape, *self.strides)) or last >= len(self.storage.values):
            raise ConversionFailed("a tensor does not lie within its storage")
        steps = [stride * self.storage.dtype.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(self.storage.values[self.offset :], self.shape, steps, writeable=False)


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _StateUnpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise ConversionFailed(f"the state dict asks for {module}.{name}, which a state dict has no need of")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, count, view = pid
        if kind != "storage" or view is not None:
            raise ConversionFailed("the state dict holds something other than plain storages")
        return self.storages.setdefault(key, _Storage(dtype, count))


def read_state(content: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of a state dict, by name."""
    file = io.BytesIO(content)
    try:
        if _plain(file) != _MAGIC or _plain(file) != _PROTOCOL:
            raise ConversionFailed("not a PyTorch state dict of the old format")
        _plain(file)
        unpickler = _StateUnpickler(file)
        tensors = unpickler.load()
        for key in _plain(file):
            storage = unpickler.storages[key]
            (count,) = struct.unpack("<q", file.read(8))
            values = np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype)
            if count != storage.count or len(values) != count:
                raise ConversionFailed("the state dict ends before its tensors do")
            storage.values = values
    except (pickle.UnpicklingError, EOFError, struct.error, KeyError, TypeError, ValueError) as error:
        raise ConversionFailed(f"not a PyTorch state dict of the old format: {error}") from error
    return {name: tensor.array() for name, tensor in tensors.items() if isinstance(tensor, _Tensor)}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise ConversionFailed(f"the state dict asks for {module}.{name} where a plain value belongs")


def _plain(file: io.BytesIO) -> Any:
    return _PlainUnpickler(file).load()
