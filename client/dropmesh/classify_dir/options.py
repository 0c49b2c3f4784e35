"""The options of a run: from the command line, else the environment, else a TOML file, else the default."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = "DROPMESH_CLASSIFY_"
MIB = 1024 * 1024


class OptionsError(Exception):
    """An option that cannot be used; the message names it and what it takes."""


class Options(BaseModel):
    """The options of a run; each field is also an environment variable and a key of the configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dir: Path = Field(description="folder whose images are classified, with the folders below it")
    amqp: str = Field("amqp://guest:guest@127.0.0.1:5672/", description="address of RabbitMQ", pattern="^amqps?://")
    results: Path = Field(Path("results.db"), description="SQLite file that the labels are written to")
    log: Path = Field(Path("run.log"), description="file that each step is logged to")
    profile: str = Field("dropmesh", description="dropmesh, modelcls, or the path of a profile of your own")
    follow: bool = Field(False, description="stay and classify new images as they appear, until Ctrl-C")
    retry_failed: bool = Field(False, description="try again the images that an earlier run failed on")
    labels: int = Field(5, ge=1, le=100, description="labels that are asked for, where the profile can ask")
    in_flight: int = Field(32, ge=1, le=10_000, description="images that wait for a reply at once")
    reply_seconds: float = Field(
        60.0, gt=0, description="an image without a reply for that long is sent again; each time later"
    )
    attempts: int = Field(5, ge=1, le=1000, description="how often an image is sent before it counts as failed")
    connect_seconds: float = Field(60.0, gt=0, description="how long RabbitMQ may be away before the run gives up")
    classifier_seconds: float = Field(
        120.0,
        ge=0,
        description="how long images may wait with no classifier on the queue before the run gives up; 0: for ever",
    )
    scan_seconds: float = Field(2.0, gt=0, description="with --follow: how often the folder is read")
    max_image_bytes: int = Field(10 * MIB, ge=1, description="a larger file is an error; RabbitMQ 4 takes 16 MiB")
    max_megapixels: float = Field(100.0, gt=0, description="an image with more is an error")


def load_options(given: Mapping[str, Any], environment: Mapping[str, str], config: Path | None) -> Options:
    """The options of a run; those that were not given are None in `given`."""
    named = environment.get(f"{PREFIX}CONFIG")
    file = config or (Path(named) if named else None)
    from_file = {} if file is None else _read(file)
    variables = {name: environment.get(f"{PREFIX}{name.upper()}", "") for name in Options.model_fields}
    from_environment = {name: value for name, value in variables.items() if value != ""}
    from_command = {name: value for name, value in given.items() if value is not None}
    try:
        options = Options.model_validate({**from_file, **from_environment, **from_command})
    except ValidationError as error:
        raise OptionsError("\n".join(_explain(fault) for fault in error.errors(include_url=False))) from None
    if not options.dir.is_dir():
        raise OptionsError(f"dir: {options.dir} is not a folder")
    return options


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise OptionsError(f"config: {file} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionsError(f"config: {file}: {error}") from None


def _explain(fault: Any) -> str:
    name = str(fault["loc"][0])
    if name not in Options.model_fields:
        return f"{name}: no such option; there are {', '.join(Options.model_fields)}"
    if fault["type"] == "missing":
        return f"{name}: missing ({Options.model_fields[name].description}); give it, or set {PREFIX}{name.upper()}"
    return f"{name}: {fault['msg']} ({Options.model_fields[name].description})"
