"""docs/api.md by hand: each of its lines in one shell, in order, in a folder with a photo and a video."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from scripts.edge.routes import RestPath, rest_paths
from tests.e2e.mesh import ROOT, Mesh
from tests.support.media_samples import image_bytes, video_bytes

PAGE = (ROOT / "docs" / "api.md").read_text()
LINES = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
# An answer that is an error fails its line, and every call tells what it asked for.
STRICT = """
curl() { command curl -sS --fail-with-body -w '%{stderr}CALLED %{method} %{url_effective}\\n' "$@"; }
set -exo pipefail
"""


@pytest.fixture(scope="module")
def pasted(mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, str]]]:
    """The folder in which every line has run, and the method and path of each call."""
    folder = tmp_path_factory.mktemp("pasted")
    (folder / "photo.jpg").write_bytes(image_bytes("jpeg", size=(640, 480)))
    (folder / "video.mp4").write_bytes(video_bytes("mp4", size=(320, 240), frames=20) + bytes(100_000))
    here = LINES.replace("http://127.0.0.1:8080", mesh.url).replace(".dropmesh/", f"{mesh.data}/")
    assert here.count(mesh.url) == here.count(str(mesh.data)) == 1
    ran = subprocess.run(
        ["bash", "-c", STRICT + here], cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    assert ran.returncode == 0, f"{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
    # With `-T .` curl shows its progress, in the same line.
    return folder, re.findall(rf"CALLED (\S+) {re.escape(mesh.url)}([^?\n]*)", ran.stderr)


def test_every_line_works_when_pasted(pasted: tuple[Path, list[tuple[str, str]]]) -> None:
    folder, calls = pasted
    assert len(calls) >= LINES.count("curl ")
    assert (folder / "original.jpg").read_bytes() == (folder / "photo.jpg").read_bytes()
    assert (folder / "start.bin").read_bytes() == (folder / "photo.jpg").read_bytes()[:100]
    for name in ("anonymized.jpg", "thumbnail.jpg", "covered.jpg"):
        assert (folder / name).read_bytes().startswith(b"\xff\xd8\xff")
    assert (folder / "measurements.parquet").read_bytes().startswith(b"PAR1")
    assert (folder / "points.parquet").read_bytes().startswith(b"PAR1")


@pytest.mark.parametrize("path", rest_paths(), ids=lambda path: path.pattern)
def test_every_path_of_the_contract_has_a_line(pasted: tuple[Path, list[tuple[str, str]]], path: RestPath) -> None:
    _, calls = pasted
    called = {method for method, address in calls if re.fullmatch(path.pattern, address)}
    # What HEAD gives, GET gives too: one line shows it for all.
    assert called >= path.methods.keys() - {"HEAD"}


def test_a_colon_after_a_variable_is_no_modifier_of_zsh() -> None:
    assert re.findall(r"\$\w+:\w+", LINES) == []


def test_a_head_is_among_them(pasted: tuple[Path, list[tuple[str, str]]]) -> None:
    assert "HEAD" in {method for method, _ in pasted[1]}
