"""Makes docs/data-model.md: the documents of every collection, from the storage models."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from services.common.catalog import Collection
from services.common.stores.collections import MODELS

INTRODUCTION = """# The data model

<!-- Made by scripts/generate from services/common/stores/: change it there. -->

The documents of the catalog, for people who query it directly. An instant is a 64-bit integer of nanoseconds since the
epoch, in a field that ends in `_ns`. `_version` grows by one at every write. A box without `_id` is embedded in the
document that it is joined to. Large bytes are in the objects store, under the keys in these documents.

In MongoDB each box with `_id` is a collection. A document also has `_index`: copies of the fields of its unique and
sparse indexes, if all fields of that index are set. To use such an index, search by the copies:
`{"_index.NAME.FIELD": …}`. The other indexes are on the fields themselves. `_mark` says by which command a document was
replaced that was replaced together with others.

In SQLite each box with `_id` is a table of the same name. `_document` is the document as BSON; `_id`, `_version` and
each field of an index have a column of their own. A sequence is only in its column. Search by the columns:
`SELECT _document FROM media WHERE owner = 'alice'`, and decode with `bson.decode`.

The stores have further tables without user data, except that queue messages hold ids: `catalog_sequences` (the last
number of each sequence), and in SQLite `queue_messages` and `queue_dead_letters` (the embedded queue).
"""
GROUPS = {
    "Media": ("media", "media_objects", "media_terms", "contents", "uploads", "invites", "statistics"),
    "Readings": ("receipts", "measurements", "lineage"),
    "Signals": ("series", "series_bodies", "series_metrics", "series_forecasts"),
    "Events": ("webhooks", "webhook_deliveries"),
    "The mesh itself": ("tokens", "retention", "erasures", "sweeps"),
}
# (collection, field) → what it names; the rest of a relation is how many of them there are.
REFERENCES = (
    ("media_objects", "media", "media_run names"),
    ("media_terms", "media", "media names"),
    ("contents", "media", "holders name"),
    ("uploads", "media", "media names"),
    ("media", "contents", "sha256 names"),
    ("media", "invites", "invites names"),
    ("measurements", "receipts", "receipt names"),
    ("lineage", "receipts", "receipt names"),
    ("lineage", "measurements", "measurement names"),
    ("series_bodies", "series", "series names"),
    ("webhook_deliveries", "webhooks", "webhook names"),
    ("series_metrics", "series", "_id is that of"),
    ("series_forecasts", "series", "series names"),
)


READING_SERIES = """## Reading the points of series elsewhere

Each chunk of a series is a Parquet file in the objects store: a column `time` (timestamp in nanoseconds, UTC) and one
of float64 for each channel, with a gap as NaN. The series' document names it, in `chunks.object_key`:
`series/ID/….parquet`. In S3 that is the key in the bucket; in a folder, the file stands below `objects/kept/series/ID`,
one folder deeper. DuckDB, pandas and Spark read it as it is:

```sql
CREATE VIEW points AS FROM read_parquet('.dropmesh/objects/kept/series/ID/*/*.parquet');
SELECT time_bucket(INTERVAL 1 HOUR, time) AS hour, avg(value) FROM points GROUP BY hour ORDER BY hour;
```

```python
pandas.concat(map(pandas.read_parquet, glob.glob(".dropmesh/objects/kept/series/ID/*/*.parquet"))).sort_values("time")

spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")  # Spark has no nanoseconds: `time` is a long of them
spark.read.parquet("s3a://BUCKET/series/ID/*.parquet").orderBy("time")
```

A chunk that an append has replaced stays there for half a minute, or until the sweep where a process died: for exact
numbers read the keys that the document names, and not all files there. The bodies as they came (`.raw`) lie beside
them.
"""


def data_model_document() -> str:
    """The page as Markdown."""
    models = {collection.name: (collection, model) for collection, model in MODELS}
    missing = set(models) ^ {name for names in GROUPS.values() for name in names}
    if missing:
        raise ValueError(f"docs/data-model.md leaves out, or invents: {', '.join(sorted(missing))}")
    parts = [INTRODUCTION]
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n\n```mermaid\nerDiagram\n{_diagram(names, models)}```\n")
        parts += [_collection(*models[name]) for name in names]
        parts += [READING_SERIES] if title == "Signals" else []
    return "\n".join(parts)


def _diagram(names: tuple[str, ...], models: Mapping[str, tuple[Collection, type]]) -> str:
    lines: list[str] = []
    drawn: set[type] = set()
    for name in names:
        collection, model = models[name]
        lines += _entity(name, model, collection)
        lines += _embedded(name, model, drawn)
    for source, target, how in REFERENCES:
        if source in names:
            lines.append(f'    {source} }}o--o{{ {target} : "{how}"')
    return "\n".join(lines) + "\n"


def _entity(name: str, model: type, collection: Collection | None) -> list[str]:
    hints = get_type_hints(model)
    unique = {field for index in (collection.indexes if collection else ()) if index.unique for field in index.fields}
    lines = [f"    {name} {{"]
    for field in fields(model):
        stored = {"id": "_id", "version": "_version"}.get(field.name, field.name) if collection else field.name
        key = " PK" if stored == "_id" else " UK" if field.name in unique else ""
        lines.append(f"        {_type_name(hints[field.name])} {stored}{key}")
    return [*lines, "    }"]


def _embedded(name: str, model: type, drawn: set[type]) -> Iterator[str]:
    """The models inside a model, each with its relation."""
    for field, hint in get_type_hints(model).items():
        for inner, many in _inner_models(hint):
            yield f'    {name} ||--{"o{" if many else "||"} {inner.__name__} : "{field}"'
            if inner not in drawn:
                drawn.add(inner)
                yield from _entity(inner.__name__, inner, None)
                yield from _embedded(inner.__name__, inner, drawn)


def _inner_models(hint: Any, *, many: bool = False) -> Iterator[tuple[type, bool]]:
    if is_dataclass(hint) and isinstance(hint, type):
        yield hint, many
    origin = get_origin(hint)
    if origin is not None:
        several = many or origin not in (Union, types.UnionType)
        for argument in get_args(hint):
            yield from _inner_models(argument, many=several)


def _type_name(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _type_name(next(argument for argument in arguments if argument is not type(None))) + "_or_none"
    if origin is tuple:
        return f"list_of_{_type_name(arguments[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return f"map_to_{_type_name(arguments[1])}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "enum"
    names = {str: "text", int: "int64", float: "double", bytes: "bytes", bool: "bool"}
    return names.get(hint) or str(hint.__name__)


def _collection(collection: Collection, model: type) -> str:
    summary = (model.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    lines = [f"### {collection.name}\n", f"{' '.join(summary.split())}\n"]
    if collection.sequence:
        lines.append(
            f"`{collection.sequence}` numbers the insertions: each number is larger than all before; there are gaps.\n"
        )
    if collection.indexes:
        lines += ["| index | fields | |", "|---|---|---|"]
        for index in collection.indexes:
            how = ", ".join(word for word, is_so in (("unique", index.unique), ("sparse", index.sparse)) if is_so)
            lines.append(f"| `{index.name}` | {', '.join(f'`{field}`' for field in index.fields)} | {how} |")
        lines.append("")
    return "\n".join(lines)
