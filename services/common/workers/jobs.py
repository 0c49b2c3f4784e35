"""The table of jobs: functions that a parent may name to its child. Their type hints are what travels."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeVar, get_type_hints

import orjson

from services.common.workers.plain import decoder, encode, load

Function = TypeVar("Function", bound=Callable[..., Any])


class Job:
    """A function of the table, with the conversions of its arguments and its result."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = f"{function.__module__}:{function.__qualname__}"
        self.function = function

    def encode_call(self, arguments: tuple[Any, ...], burst_threads: int) -> tuple[bytes, bytes]:
        """The text and content that ask for the job."""
        return encode([self.name, burst_threads, arguments])

    def decode_arguments(self, values: list[Any], content: bytes) -> list[Any]:
        """The arguments, in the child; a worker before them does not travel."""
        hints = self._parameters[-len(values) :] if values else []
        return [decoder(hint)(value, content) for hint, value in zip(hints, values, strict=True)]

    def decode_result(self, text: bytes, content: bytes) -> Any:
        """The result, in the parent; raises Misbehaviour where it is not of the type that the function returns."""
        return decoder(self._hints["return"])(load(text), content)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.function)

    @cached_property
    def _parameters(self) -> list[Any]:
        return [self._hints[name] for name in inspect.signature(self.function).parameters]


_JOBS: Final[dict[str, Job]] = {}


def job(function: Function) -> Function:
    """Put a function of a module into the table."""
    entry = Job(function)
    _JOBS[entry.name] = entry
    return function


def job_of(function: Callable[..., Any]) -> Job:
    """A function's entry in the table."""
    return _JOBS[f"{function.__module__}:{function.__qualname__}"]


def decode_call(text: bytes, content: bytes) -> tuple[Callable[..., Any], int, list[Any]]:
    """The function that a parent asks for, its burst threads and its arguments."""
    name, burst_threads, values = orjson.loads(text)
    importlib.import_module(name.partition(":")[0])
    entry = _JOBS[name]
    return entry.function, burst_threads, entry.decode_arguments(values, content)
