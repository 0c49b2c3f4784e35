"""Faults of a model that show before it runs."""

from __future__ import annotations

from pathlib import Path


class ModelError(Exception):
    """The base of everything that can be wrong with a model's registry entry or its weights."""


class RegistryInvalid(ModelError):
    """The registry does not say what it must; `where` is the path of the key."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


class WeightsDamaged(ModelError):
    """A file of weights is not the one that the registry pins."""

    def __init__(self, path: Path, expected_sha256: str, found_sha256: str) -> None:
        super().__init__(f"{path.name}: sha256 is {found_sha256}, the registry says {expected_sha256}")
        self.path = path
        self.expected_sha256 = expected_sha256
        self.found_sha256 = found_sha256


class SourceFailed(ModelError):
    """One source did not give the weights."""

    def __init__(self, source: str, cause: str) -> None:
        super().__init__(f"{source}: {cause}")
        self.source = source
        self.cause = cause


class NotPulled(ModelError):
    """No source gave the weights; `causes` says of each why."""

    def __init__(self, name: str, causes: list[ModelError]) -> None:
        super().__init__("; ".join(map(str, causes)) or "no source is known: only a mirror can have it")
        self.name = name
        self.causes = causes


class ProviderMissing(ModelError):
    """The execution provider that was set is not in this machine's ONNX Runtime."""

    def __init__(self, provider: str, available: list[str]) -> None:
        super().__init__(
            f"the execution provider {str(provider)!r} is not there: this machine's ONNX Runtime has "
            f"{', '.join(available)}; for cuda install onnxruntime-gpu in place of onnxruntime, or set cpu"
        )
        self.provider = provider
