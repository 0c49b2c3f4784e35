from __future__ import annotations

from services.common.workers.confinement import child_environment


def test_a_child_gets_what_its_libraries_need_and_no_setting() -> None:
    parent = {
        "PATH": "/bin",
        "LANG": "C.UTF-8",
        "HOME": "/root",
        "DROPMESH_CATALOG": "mongodb://user:hunter2@host/dropmesh",
        "DROPMESH_S3_SECRET_KEY": "hunter2",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "PYTHONSTARTUP": "/tmp/start.py",
        "LD_PRELOAD": "/tmp/library.so",
        "OMP_NUM_THREADS": "64",
    }
    environment = child_environment(parent, threads=2)
    assert environment.pop("PYTHONPATH").split(":")
    assert environment == {
        "PATH": "/bin",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
        "OPENCV_FOR_THREADS_NUM": "2",
        "MALLOC_ARENA_MAX": "2",
    }
