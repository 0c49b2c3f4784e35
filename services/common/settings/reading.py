"""Reads the settings from the environment and one optional file.

A variable is the field's name in capitals after DROPMESH_. The file, named by DROPMESH_SETTINGS, holds lines of
VARIABLE=value; the environment wins over it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.common.settings import PREFIX, Settings, SettingsError

# Their values may hold a password: an error never repeats them.
SECRET = frozenset({"catalog", "objects", "queue", "s3_secret_key", "s3_session_token", "classify_amqp"})


def load_settings(environment: dict[str, str] | None = None, *, data: str | None = None) -> Settings:
    """Returns the settings of this process. Raises SettingsError, which names the wrong variable and the problem.

    A folder given to a command overrides the variable.
    """
    variables = dict(os.environ if environment is None else environment)
    if data is not None:
        variables[f"{PREFIX}DATA"] = data
    given = {**_file_variables(variables.pop(f"{PREFIX}SETTINGS", "")), **variables}
    values = {name.removeprefix(PREFIX).lower(): value for name, value in given.items() if name.startswith(PREFIX)}
    known = {name: value for name, value in values.items() if name in Settings.model_fields and value != ""}
    try:
        return Settings.model_validate(known)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(fault) for fault in error.errors())) from None


def _file_variables(path: str) -> dict[str, str]:
    if not path:
        return {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SettingsError(f"{PREFIX}SETTINGS is {path!r}: the file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{PREFIX}SETTINGS is {path!r}: the file is not UTF-8; save it as UTF-8") from None
    variables = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        is_setting = name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() in Settings.model_fields
        if not (equals and is_setting):
            raise SettingsError(f"{path}, line {number}: {name!r} is not a setting; write lines as {PREFIX}NAME=value")
        variables[name] = value.strip()
    return variables


def _explain(fault: Any) -> str:
    if not fault["loc"]:
        return str(fault["msg"]).removeprefix("Value error, ")
    name = str(fault["loc"][0])
    held = "(not shown)" if name in SECRET else repr(fault["input"])
    takes = Settings.model_fields[name].description
    wrong = str(fault["msg"]).removeprefix("Value error, ")
    return f"{PREFIX}{name.upper()} is {held}: {wrong}" + (f" ({takes})" if takes else "")
