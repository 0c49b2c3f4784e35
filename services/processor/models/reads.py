"""Reads of models: those in the registry, which of them are present, and which are in use."""

from __future__ import annotations

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import model_pb2, processor_service_pb2

from services.common.base.errors import NotFound
from services.common.base.names import resource_id, resource_name
from services.common.media.anonymize.messages import class_number
from services.common.media.vocabulary import ObjectClass
from services.common.rpc.call import Call
from services.common.rpc.page_tokens import page_size, page_start, page_token
from services.processor.models.entry import ModelEntry, Task
from services.processor.models.registry import Registry
from services.processor.models.store import ModelStore

TASKS = {Task.DETECT: model_pb2.Model.DETECTION, Task.CLASSIFY: model_pb2.Model.CLASSIFICATION}


class ModelReads:
    """Reads of the registry; a model is installed once its file is in the store."""

    def __init__(self, registry: Registry, store: ModelStore) -> None:
        self._registry = registry
        self._store = store

    async def ListModels(
        self, request: processor_service_pb2.ListModelsRequest, call: Call
    ) -> processor_service_pb2.ListModelsResponse:
        """Lists the models, those in use first."""
        models = self._messages()
        start = page_start(request, call.caller.owner)
        first = 0 if start is None else int(str(start[0]))
        end = first + page_size(request.page_size)
        token = page_token(request, call.caller.owner, (end,)) if end < len(models) else ""
        return processor_service_pb2.ListModelsResponse(models=models[first:end], next_page_token=token)

    async def GetModel(self, request: processor_service_pb2.GetModelRequest, _call: Call) -> model_pb2.Model:
        """Returns one model."""
        for model in self._messages():
            if model.name == request.name:
                return model
        raise NotFound(
            reasons.MODEL_NOT_FOUND,
            f"no model is called {resource_id(request.name)}",
            metadata={"name": request.name},
        )

    def _messages(self) -> list[model_pb2.Model]:
        entries = [entry for entry in self._registry if entry.task in TASKS]
        serves = {entry.name: self._served(entry) for entry in entries}
        messages = [self._message(entry, serves[entry.name]) for entry in entries]
        return sorted(messages, key=lambda model: (not model.serves, not model.installed, model.name))

    def _served(self, entry: ModelEntry) -> list[ObjectClass]:
        return [kind for kind in entry.classes if self._first_installed(self._registry.detectors_of(kind)) is entry]

    def _first_installed(self, entries: list[ModelEntry]) -> ModelEntry | None:
        return next((entry for entry in entries if self._store.find(entry) is not None), None)

    def _message(self, entry: ModelEntry, serves: list[ObjectClass]) -> model_pb2.Model:
        return model_pb2.Model(
            name=resource_name("models", entry.name),
            task=TASKS[entry.task],
            version=entry.version,
            sha256=entry.sha256,
            licence=entry.licence,
            source=_source(entry),
            installed=self._store.find(entry) is not None,
            bundled=entry.bundled,
            serves=[class_number(kind) for kind in serves],
            recalls=[
                model_pb2.ClassRecall(
                    object_class=class_number(kind),
                    recall=served.recall,
                    precision=served.precision or 0.0,
                    measured_on=served.measured_on,
                )
                for kind, served in entry.classes.items()
                if served.recall is not None
            ],
            size_bytes=entry.size_bytes,
        )


def _source(entry: ModelEntry) -> str:
    return entry.homepage if entry.bundled or not entry.sources else entry.sources[0].url
