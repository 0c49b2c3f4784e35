"""The contract as one image with its comments and line numbers, for buf, which would ask a registry for the imports."""

from __future__ import annotations

from pathlib import Path

import grpc_tools

from scripts.contract.generate import CONTRACT, google_apis, run_protoc, validate_descriptors


def contract_image(folder: Path) -> Path:
    """Writes the image into the folder and returns its path."""
    rules, image = folder / "validate.binpb", folder / "contract.binpb"
    rules.write_bytes(validate_descriptors().SerializeToString())
    run_protoc(
        *(f"-I{place}" for place in (CONTRACT, google_apis(), Path(grpc_tools.__file__).parent / "_proto")),
        f"--descriptor_set_in={rules}",
        f"--descriptor_set_out={image}",
        "--include_imports",
        "--include_source_info",
        *(str(path.relative_to(CONTRACT)) for path in sorted(CONTRACT.glob("dropmesh/v1/*.proto"))),
    )
    return image
