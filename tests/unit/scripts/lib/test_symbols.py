from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from scripts.lib.symbols import remove_symbols

LIBRARIES = sorted(Path(sysconfig.get_config_var("DESTSHARED") or ".").glob("_ctypes.*.so"))


@pytest.mark.skipif(
    not (sys.platform == "linux" and LIBRARIES), reason="needs a library of Python's own: its libraries are elsewhere"
)
def test_a_library_without_its_symbols_does_the_same(tmp_path: Path) -> None:
    library = Path(shutil.copy(LIBRARIES[0], tmp_path))
    mode, size = library.stat().st_mode, library.stat().st_size
    assert remove_symbols(library) > 0
    assert library.stat().st_mode == mode
    assert library.stat().st_size < size
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import _ctypes; print(_ctypes.__file__)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.startswith(str(library))
    assert remove_symbols(library) == 0


def test_other_files_stay_as_they_are(tmp_path: Path) -> None:
    for content in (b"", b"/* GNU ld script */", b"\xcf\xfa\xed\xfe a library of another system"):
        other = tmp_path / "other.so"
        other.write_bytes(content)
        assert remove_symbols(other) == 0
        assert other.read_bytes() == content
