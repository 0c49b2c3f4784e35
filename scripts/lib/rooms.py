"""The rules of the rooms: how the folders of services/ may depend on each other, and where a unit test belongs."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

MOST_FILES = 12
SHARED = "common"
# A unit test that imports one of these, or a name from one of these, reaches a store, a server or a socket.
OUTSIDE = (
    "aio_pika",
    "boto3",
    "grpc.aio.insecure_channel",
    "grpc.aio.server",
    "grpc.insecure_channel",
    "grpc.server",
    "http.client",
    "http.server",
    "httpx",
    "pymongo.AsyncMongoClient",
    "pymongo.MongoClient",
    "services.common.catalog.mongo.catalog",
    "services.common.catalog.opening",
    "services.common.catalog.sqlite.catalog",
    "services.common.catalog.sqlite.database",
    "services.common.objects.directory",
    "services.common.objects.s3",
    "services.common.queue.embedded",
    "services.common.queue.rabbitmq",
    "services.common.stores.open",
    "socket",
    "sqlite3",
    "tests.e2e",
    "tests.integration",
    "tests.servers",
    "tests.support.media_mesh",
    "urllib.request",
)
# Fixtures that open one for the test that asks for them.
OUTSIDE_FIXTURES = frozenset({"amqp_url", "catalog_url", "mesh", "mongo_url", "s3", "stores", "tool", "toxiproxy"})


def broken_rules(root: Path) -> list[str]:
    """Returns one line for each place in this checkout that breaks a rule, with the rule in it."""
    return [
        *circles(root),
        *crowded_folders(root),
        *foreign_imports(root),
        *misplaced_unit_tests(root),
        *unit_tests_with_stores(root),
    ]


def circles(root: Path) -> list[str]:
    """Finds sibling folders of services/ that import each other, directly or through others.

    Imports inside functions and under TYPE_CHECKING count: a reader follows those too.
    """
    arrows: dict[tuple[str, ...], dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in _python_files(root / "services"):
        here = file.relative_to(root).with_suffix("").parts
        for name in _imports(file, root):
            there = tuple(name.split("."))
            depth = next((at for at, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
            if depth is None or depth >= len(here) - 1 or not root.joinpath(*there[: depth + 1]).is_dir():
                continue
            arrows[here[:depth]][here[depth], there[depth]].append(f"{file.relative_to(root)} imports {name}")
    return [
        f"{'/'.join(parent)}: {a} and {b} import each other in a circle: {places[0]}"
        for parent, edges in sorted(arrows.items())
        for (a, b), places in sorted(edges.items())
        if a in _reachable(b, edges)
    ]


def crowded_folders(root: Path) -> list[str]:
    """Finds folders of services/ with more than 12 files; an empty `__init__.py` does not count."""
    folders = (root / "services", *sorted((root / "services").rglob("*/")))
    counts = {folder: len(list(_files(folder))) for folder in folders if folder.name != "__pycache__"}
    return [
        f"{folder.relative_to(root)}: {count} files, at most {MOST_FILES} in a folder"
        for folder, count in counts.items()
        if count > MOST_FILES
    ]


def foreign_imports(root: Path) -> list[str]:
    """Finds imports of another service, and of the commands, the tests or the training."""
    found = []
    for file in _python_files(root / "services"):
        own = file.relative_to(root).parts[1]
        for name in sorted(_imports(file, root)):
            first, *rest = name.split(".")
            foreign = first in ("scripts", "tests", "training") or (
                first == "services"
                and bool(rest)
                and rest[0] not in (SHARED, own)
                and (root / first / rest[0]).is_dir()
            )
            if foreign:
                found.append(f"{file.relative_to(root)} imports {name}: services import only {SHARED} and their own")
    return found


def misplaced_unit_tests(root: Path) -> list[str]:
    """Finds unit tests whose path is not that of the module they test."""
    tests = root / "tests" / "unit"
    found = []
    for test in sorted(tests.rglob("test_*.py")):
        place, name = test.relative_to(tests).parent, test.stem.removeprefix("test_")
        home = (root / "services" if (root / "services" / place.parts[0]).is_dir() else root) if place.parts else root
        folder = home / place
        modules = (folder / f"{name}.py", folder / name / "__init__.py")
        if not any(module.exists() for module in modules) and not (
            folder.name == name and (folder / "__init__.py").exists()
        ):
            found.append(f"{test.relative_to(root)}: there is no {modules[0].relative_to(root)}")
    return found


def unit_tests_with_stores(root: Path) -> list[str]:
    """Finds unit tests that open a store, a server or a socket; those belong under tests/integration/."""
    found = []
    for file in _python_files(root / "tests" / "unit"):
        names = _imports(file, root) | _attributes(file)
        outside = sorted(name for name in OUTSIDE if any(f"{used}.".startswith(f"{name}.") for used in names))
        outside += sorted(OUTSIDE_FIXTURES & _arguments(file))
        found += [f"{file.relative_to(root)} uses {name}: move it to tests/integration/" for name in outside]
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_file() and not (path.name == "__init__.py" and not path.read_bytes().strip()):
            yield path


def _python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _imports(file: Path, root: Path) -> set[str]:
    """Every name that a file imports, written in full, with the module that it is of."""
    package = file.relative_to(root).parent.parts
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def _attributes(file: Path) -> set[str]:
    """Every dotted name that a file uses, such as `grpc.aio.server`."""
    return {ast.unparse(node) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}


def _arguments(file: Path) -> set[str]:
    functions = [
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    return {argument.arg for function in functions for argument in function.args.args}


def _reachable(start: str, edges: dict[tuple[str, str], list[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        here = waiting.pop()
        following = {b for a, b in edges if a == here} - seen
        seen |= following
        waiting += following
    return seen
