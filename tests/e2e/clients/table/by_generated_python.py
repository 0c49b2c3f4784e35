"""Makes the calls with the client that openapi-python-client makes: URL TOKEN < calls > answers. No import of ours."""

from __future__ import annotations

import base64
import datetime
import importlib
import json
import pkgutil
import re
import sys
import typing
from enum import Enum
from io import BytesIO
from types import ModuleType, UnionType
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import dropmesh_client.api
from dropmesh_client import AuthenticatedClient, Client
from dropmesh_client.models import ErrorInfo, Status
from dropmesh_client.types import File


def modules() -> dict[str, ModuleType]:
    """The module of each operation."""
    found = {}
    for tag in pkgutil.iter_modules(dropmesh_client.api.__path__):
        package = importlib.import_module(f"dropmesh_client.api.{tag.name}")
        for operation in pkgutil.iter_modules(package.__path__):
            found[operation.name] = importlib.import_module(f"{package.__name__}.{operation.name}")
    return found


def choices(hint: Any) -> list[Any]:
    """The types that a parameter may have."""
    if typing.get_origin(hint) in (typing.Union, UnionType):
        return [choice for one in typing.get_args(hint) for choice in choices(one)]
    return [hint]


def value(hint: Any, given: Any) -> Any:
    """What was given in JSON as the type that the client takes."""
    for choice in choices(hint):
        if isinstance(choice, type) and issubclass(choice, Enum):
            return choice(given)
        if choice is UUID:
            return UUID(given)
        if choice is datetime.datetime:
            return datetime.datetime.fromisoformat(given)
        if choice is int:
            return int(given)
        if typing.get_origin(choice) is list:
            return [value(typing.get_args(choice)[0], one) for one in given]
    return given


def body(hint: Any, rest: dict[str, Any]) -> Any:
    """The body as a file, or as the model that the client has for it."""
    kinds = choices(hint)
    if rest["raw"]:
        data = base64.b64decode(rest["raw"])
        models = [kind for kind in kinds if hasattr(kind, "from_dict")]
        if rest["content_type"] == "application/json":
            return models[0].from_dict(json.loads(data))
        if rest["content_type"] == "application/x-www-form-urlencoded":
            return models[0].from_dict(dict(parse_qsl(data.decode())))
        return File(BytesIO(data))
    (model,) = (kind for kind in kinds if hasattr(kind, "from_dict"))
    return model.from_dict(rest["body"])


def called(client: Client | AuthenticatedClient, module: ModuleType, rest: dict[str, Any]) -> dict[str, str]:
    """The type of an answer, or the reason of an error."""
    function = module.sync_detailed  # type: ignore[attr-defined]
    hints = typing.get_type_hints(function)
    named = {**rest["ids"], **rest["query"]}
    more = {name: value(hints[name], given) for name, given in named.items()}
    if "body" in hints and (rest["raw"] or rest["body"] is not None):
        more["body"] = body(hints["body"], rest)
    answer = function(client=client, **more)
    parsed = answer.parsed
    if answer.status_code >= 400:
        if isinstance(parsed, Status):
            reasons = [detail.reason for detail in parsed.details if isinstance(detail, ErrorInfo)]
            return {"error": str(getattr(reasons[0], "value", reasons[0]))}
        return {"error": str(getattr(parsed, "code", None) or f"{answer.status_code} {parsed}")}
    if parsed is None and answer.status_code != 204 and answer.content != b"{}":
        return {"error": f"{answer.status_code} is not decoded"}
    return {"answer": type(parsed).__name__}


if __name__ == "__main__":
    url, token = sys.argv[1:]
    # The edge reads the token first; httpx waits 5 s by default.
    with AuthenticatedClient(url, token, timeout=30) as known, Client(url, timeout=30) as unknown:
        operations = modules()
        for line in sys.stdin:
            call = json.loads(line)
            name = re.sub(r"(?<!^)(?=[A-Z])", "_", call["rest"]["operation"]).lower()
            try:
                client = known if call["with_token"] else unknown
                found = called(client, operations[name], call["rest"])
            except Exception as error:  # noqa: BLE001 - one that fails is one row of the table
                found = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps({**found, "rpc": call["rpc"], "is_fault": call["is_fault"]}))
