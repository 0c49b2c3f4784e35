"""Makes what is built from the contract (stubs, descriptor set, OpenAPI document) and from the storage models."""

from __future__ import annotations

import argparse
import filecmp
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import google.api
import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, field_mask_pb2, timestamp_pb2  # noqa: F401

from scripts.contract.data_model import data_model_document

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "proto"
STUBS = Path("python")
DESCRIPTORS = Path("dropmesh.binpb")
OPENAPI = Path("openapi.json")
DATA_MODEL = ROOT / "docs" / "data-model.md"
BUF_MODULE = re.compile(r"(\bfrom |\bimport |')buf\.validate\b")
RUNTIME_CHECK = re.compile(
    r"^from google\.protobuf import runtime_version as _runtime_version\n|^_runtime_version\.Validate.*?^\)\n",
    re.MULTILINE | re.DOTALL,
)
# Named by no request or response, yet what errors carry in their details: the edge must know them to print them.
ERROR_DETAILS = ("google/rpc/status.proto", "google/rpc/error_details.proto")


def main() -> int:
    """Writes the build products, or with --check compares them with the committed ones."""
    parser = argparse.ArgumentParser(prog="scripts/generate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail when a committed product is out of date"
    )
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        generate(made)
        stale = [product for product in products(made) if not same(made / product, CONTRACT / product)]
        stale += [product for product in products(CONTRACT) if not (made / product).exists()]
        model_is_stale = not DATA_MODEL.exists() or DATA_MODEL.read_text() != data_model_document()
        if check:
            if model_is_stale:
                print("docs/data-model.md is not what the stores say: run scripts/generate", file=sys.stderr)
            for product in stale:
                print(f"proto/{product} is not what the contract says: run scripts/generate", file=sys.stderr)
            return 1 if stale or model_is_stale else 0
        DATA_MODEL.write_text(data_model_document())
        for product in stale:
            target = CONTRACT / product
            target.parent.mkdir(parents=True, exist_ok=True)
            if (made / product).exists():
                target.write_bytes((made / product).read_bytes())
            else:
                target.unlink()
            print(f"proto/{product}")
    return 0


def generate(target: Path) -> None:
    """Writes every product below a folder."""
    (target / STUBS).mkdir(parents=True)
    validate = target / "validate.binpb"
    validate.write_bytes(validate_descriptors().SerializeToString())
    sources = sorted(str(path.relative_to(CONTRACT)) for path in CONTRACT.glob("dropmesh/v1/*.proto"))
    includes = [f"-I{CONTRACT}", f"-I{google_apis()}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    stubs = target / STUBS
    with_rules = f"--descriptor_set_in={validate}"
    run_protoc(
        *includes,
        with_rules,
        f"--descriptor_set_out={target / DESCRIPTORS}",
        "--include_imports",
        "--include_source_info",
        *sources,
        *ERROR_DETAILS,
    )
    validate.unlink()
    descriptors = f"--descriptor_set_in={target / DESCRIPTORS}"
    run_protoc(descriptors, f"--python_out={stubs}", f"--pyi_out={stubs}", "buf/validate/validate.proto")
    services = [source for source in sources if source.endswith("_service.proto")]
    run_protoc(*includes, descriptors, f"--python_out={stubs}", f"--mypy_out=quiet:{stubs}", *sources)
    run_protoc(*includes, descriptors, f"--grpc_python_out={stubs}", f"--mypy_grpc_out=quiet:{stubs}", *services)
    make_independent(stubs)
    (stubs / "dropmesh" / "v1" / "py.typed").touch()
    # A process of its own: the document speaks of the contract as it is now, so it reads the stubs just made.
    fresh = {**os.environ, "PYTHONPATH": os.pathsep.join((str(stubs), str(ROOT)))}
    document = [sys.executable, "-m", "scripts.contract.openapi", str(target / DESCRIPTORS)]
    (target / OPENAPI).write_bytes(subprocess.run(document, check=True, env=fresh, stdout=subprocess.PIPE).stdout)
    whole = descriptor_pb2.FileDescriptorSet.FromString((target / DESCRIPTORS).read_bytes())
    for file in whole.file:
        file.ClearField("source_code_info")
    (target / DESCRIPTORS).write_bytes(whole.SerializeToString(deterministic=True))


def make_independent(stubs: Path) -> None:
    """Moves buf.validate below dropmesh, and drops the check that asks for the newest protobuf.

    A top-level package `buf` would overwrite that of other wheels. The code works with protobuf 6 and 7.
    """
    (stubs / "buf").rename(stubs / "dropmesh" / "buf")
    for file in (stubs / "dropmesh").rglob("*.py*"):
        text = BUF_MODULE.sub(r"\1dropmesh.buf.validate", file.read_text())
        file.write_text(RUNTIME_CHECK.sub("", text))


def validate_descriptors() -> descriptor_pb2.FileDescriptorSet:
    """buf/validate/validate.proto after the files it needs; protovalidate's wheel carries just its descriptor."""
    from protovalidate._gen.buf.validate import validate_pb

    described = descriptor_pb2.FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())
    needed = (descriptor_pool.Default().FindFileByName(name) for name in described.dependency)
    files = [descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb) for file in needed]
    return descriptor_pb2.FileDescriptorSet(file=[*files, described])


def google_apis() -> Path:
    """Where googleapis-common-protos keeps its .proto files."""
    return Path(next(iter(google.api.__path__))).parents[1]


def run_protoc(*arguments: str) -> None:
    """Runs the wheel's protoc, the generators of this virtual environment at hand."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], check=True, env=environment)


def products(folder: Path) -> list[Path]:
    """The build products that stand in a folder."""
    stubs = (
        path.relative_to(folder) for path in (folder / STUBS).rglob("*") if path.suffix in {".py", ".pyi", ".typed"}
    )
    return sorted([*stubs, *(path for path in (DESCRIPTORS, OPENAPI) if (folder / path).exists())])


def same(made: Path, committed: Path) -> bool:
    """Whether a committed product is what was made."""
    return committed.exists() and filecmp.cmp(made, committed, shallow=False)


if __name__ == "__main__":
    sys.exit(main())
