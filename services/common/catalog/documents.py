"""Typed storage models as documents of the catalog, and back: the one conversion between the two.

Why it is no library: docs/decisions/document-codec.md.

A model is a dataclass of text, numbers, booleans, bytes, enumerations, lists, tuples, mappings with text keys, other
dataclasses, and each of these or None; no field is by keyword only. Its field `id` is stored as `_id`, and `version` as
`_version`. Stored fields that the model does not know are ignored, and missing ones take their defaults, so that models
can grow.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Model = TypeVar("Model", bound="DataclassInstance")
Document = dict[str, Any]
Convert = Callable[[Any], Any]

_STORED_AS = {"id": "_id", "version": "_version"}
_PLAIN = (str, int, float, bool, bytes, type(None), Any, object)


def to_document(value: DataclassInstance) -> Document:
    """Returns the document that stores a model."""
    return _stored_model(type(value)).encode(value)


def from_document(model: type[Model], document: Mapping[str, Any]) -> Model:
    """Returns the model that a document stores."""
    found: Model = _stored_model(model).decode(document)
    return found


@cache
def _stored_model(model: type[Any]) -> _Mapping:
    return _Mapping(model, _STORED_AS)


@cache
def _nested_model(model: type[Any]) -> _Mapping:
    return _Mapping(model, {})


class _Mapping:
    """How one class is stored; worked out once for each class, since every read and write needs it."""

    def __init__(self, model: type[Any], stored_as: Mapping[str, str]) -> None:
        hints = get_type_hints(model)
        self._model = model
        self._defaults: Document = {}
        self._keys: list[str] = []
        self._encodes: list[tuple[str, Convert]] = []
        self._decodes: list[tuple[int, Convert]] = []
        names = [field.name for field in fields(model) if field.init]
        for field in (field for field in fields(model) if field.init):
            key = stored_as.get(field.name, field.name)
            try:
                encode, decode = _conversions(hints[field.name])
            except TypeError as error:
                raise TypeError(f"{model.__name__}.{field.name} cannot be stored: {error}") from error
            default = field.default if field.default_factory is MISSING else field.default_factory()
            if default is not MISSING:
                self._defaults[key] = default if encode is None else encode(default)
            if encode is not None:
                self._encodes.append((key, encode))
            if decode is not None:
                self._decodes.append((len(self._keys), decode))
            self._keys.append(key)
        # Both getters run in C over all fields; for a single name they would return no tuple, so the first comes twice.
        self._values = attrgetter(*names, names[0])
        self._stored = itemgetter(*self._keys, self._keys[0])

    def encode(self, model: Any) -> Document:
        """Returns the fields of a model."""
        document = dict(zip(self._keys, self._values(model), strict=False))
        for key, encode in self._encodes:
            document[key] = encode(document[key])
        return document

    def decode(self, document: Mapping[str, Any]) -> Any:
        """Returns the model of these fields, with defaults for missing ones."""
        try:
            values = list(self._stored({**self._defaults, **document}))
        except KeyError as missing:
            raise ValueError(f"a stored {self._model.__name__} lacks {missing.args[0]}") from None
        for place, decode in self._decodes:
            values[place] = decode(values[place])
        values.pop()
        return self._model(*values)


def _conversions(hint: Any) -> tuple[Convert | None, Convert | None]:
    """Returns how a value of this type is stored and read back; None where it stays as it is."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN or origin is Literal:
        return None, None
    if origin in {Union, types.UnionType}:
        return _of_union(arguments)
    if origin in {list, Sequence}:
        return _of_items(arguments[0], list)
    if origin is tuple:
        return _of_items(arguments[0], tuple) if arguments[1:] == (...,) else _of_places(arguments)
    if origin in {dict, Mapping}:
        return _of_values(*arguments)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return attrgetter("value"), hint
    if is_dataclass(hint) and isinstance(hint, type):
        return _nested_model(hint).encode, _nested_model(hint).decode
    raise TypeError(f"no BSON for {hint}")


def _of_union(choices: tuple[Any, ...]) -> tuple[Convert | None, Convert | None]:
    real = [choice for choice in choices if choice is not type(None)]
    if all(_conversions(choice) == (None, None) for choice in real):
        return None, None
    if len(real) > 1:
        raise TypeError(f"a stored value does not show which of {real} it is")
    encode, decode = _conversions(real[0])
    return _or_none(encode), _or_none(decode)


def _or_none(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _of_items(item: Any, kind: Callable[[Any], Any]) -> tuple[Convert, Convert]:
    encode, decode = _conversions(item)
    return (
        list if encode is None else lambda values: list(map(encode, values)),
        kind if decode is None else lambda values: kind(map(decode, values)),
    )


def _of_places(places: tuple[Any, ...]) -> tuple[Convert, Convert]:
    pairs = [_conversions(place) for place in places]
    if all(pair == (None, None) for pair in pairs):
        return list, tuple
    encodes, decodes = zip(*pairs, strict=True)
    return lambda values: list(_each(encodes, values)), lambda values: tuple(_each(decodes, values))


def _each(converts: Sequence[Convert | None], values: Sequence[Any]) -> list[Any]:
    return [value if convert is None else convert(value) for convert, value in zip(converts, values, strict=True)]


def _of_values(key: Any, item: Any) -> tuple[Convert, Convert]:
    if not (isinstance(key, type) and issubclass(key, str)):
        raise TypeError(f"the keys of a stored mapping are text, not {key}")
    encode_key, decode_key = _conversions(key)
    encode, decode = _conversions(item)
    return (
        _pairwise(encode_key, encode),
        _pairwise(decode_key, decode),
    )


def _pairwise(of_key: Convert | None, of_value: Convert | None) -> Convert:
    if of_key is None and of_value is None:
        return dict
    key, item = of_key or _same, of_value or _same
    return lambda mapping: {key(name): item(value) for name, value in mapping.items()}


def _same(value: Any) -> Any:
    return value
