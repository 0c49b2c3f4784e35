"""What is got from outside, at which version, and where it lies once it is there."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOCKS = REPOSITORY / "requirements"
MONGO_SOURCES = Path(__file__).parent / "mongo"
NPM_LOCKS = Path(__file__).parent / "npm"
GO_SOURCES = Path(__file__).parent / "go"


class Missing(Exception):
    """A server or a judge is not at hand; the reason says what would bring it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"needs {name}: {why}")
        self.name = name
        self.why = why


class Source(Enum):
    """The package client that brings a tool."""

    APT = "apt-get"
    GO = "go"
    MAVEN = "mvn"
    NPM = "npm"
    PIP = sys.executable


@dataclass(frozen=True)
class Tool:
    """One program from outside; `program` is its path in its cache folder, or what apt's is called."""

    name: str
    source: Source
    package: str
    version: str
    program: str
    tags: str = ""
    """Go's build tags, which leave out what no test uses."""

    @property
    def folder(self) -> Path:
        """Where this version lies in the cache; the programs of one lock share it."""
        shared = self.source is Source.PIP or (NPM_LOCKS / self.package).is_dir()
        return cache_folder() / f"{self.package if shared else self.name}-{self.version}"

    @property
    def complete(self) -> Path:
        """The mark of an installation that came to its end."""
        return self.folder / ".complete"

    @property
    def path(self) -> Path | None:
        """The program, or None when it is not installed."""
        if self.source is Source.APT:
            found = shutil.which(self.program)
            return Path(found) if found else None
        return self.folder / self.program if self.complete.exists() else None


def cache_folder() -> Path:
    """The folder that keeps what was built, outside any checkout (DROPMESH_CACHE, else ~/.cache/dropmesh)."""
    chosen = os.environ.get("DROPMESH_CACHE")
    return Path(chosen).expanduser().resolve() if chosen else Path.home() / ".cache" / "dropmesh"


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()[:12]


_MONGO_VERSION = _digest(MONGO_SOURCES / "pom.xml", MONGO_SOURCES / "Start.java")
_JUDGES_VERSION = _digest(LOCKS / "judges.txt")
_LINTERS_VERSION = _digest(NPM_LOCKS / "linters" / "package-lock.json")
_TYPESCRIPT_VERSION = _digest(NPM_LOCKS / "typescript" / "package-lock.json")
_POD_SECURITY_VERSION = _digest(*sorted((GO_SOURCES / "pod-security").iterdir()))
_SPARK_VERSION = _digest(LOCKS / "spark.txt")
_TELEGRAF_TAGS = "custom,inputs.file,inputs.mem,outputs.influxdb_v2,parsers.influx"

TOOLS = (
    Tool("rabbitmq", Source.APT, "rabbitmq-server", "", "/usr/lib/rabbitmq/bin/rabbitmq-server"),
    Tool("exiftool", Source.APT, "libimage-exiftool-perl", "", "exiftool"),
    Tool("ffprobe", Source.APT, "ffmpeg", "", "ffprobe"),
    Tool("strace", Source.APT, "strace", "", "strace"),
    Tool("promtool", Source.APT, "prometheus", "", "promtool"),
    Tool("mongodb", Source.MAVEN, "mongo-java-server", _MONGO_VERSION, "classes/Start.class"),
    Tool("s3", Source.GO, "github.com/versity/versitygw/cmd/versitygw", "v1.8.0", "versitygw"),
    Tool("toxiproxy", Source.GO, "github.com/Shopify/toxiproxy/v2/cmd/server", "v2.5.0", "server"),
    Tool("compose", Source.GO, "github.com/compose-spec/compose-go/v2/cmd", "v2.16.2", "cmd"),
    Tool("grpcurl", Source.GO, "github.com/fullstorydev/grpcurl/cmd/grpcurl", "v1.9.4", "grpcurl"),
    Tool("actionlint", Source.GO, "github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12", "actionlint"),
    Tool("telegraf", Source.GO, "github.com/influxdata/telegraf/cmd/telegraf", "v1.33.0", "telegraf", _TELEGRAF_TAGS),
    Tool("pod-security", Source.GO, "pod-security", _POD_SECURITY_VERSION, "pod-security"),
    Tool("buf", Source.NPM, "@bufbuild/buf", "1.75.0", "node_modules/.bin/buf"),
    Tool("protoc-gen-go", Source.GO, "google.golang.org/protobuf/cmd/protoc-gen-go", "v1.36.11", "protoc-gen-go"),
    Tool(
        "protoc-gen-go-grpc", Source.GO, "google.golang.org/grpc/cmd/protoc-gen-go-grpc", "v1.6.2", "protoc-gen-go-grpc"
    ),
    Tool("protoc-gen-es", Source.NPM, "typescript", _TYPESCRIPT_VERSION, "node_modules/.bin/protoc-gen-es"),
    Tool("redocly", Source.NPM, "linters", _LINTERS_VERSION, "node_modules/.bin/redocly"),
    Tool("spectral", Source.NPM, "linters", _LINTERS_VERSION, "node_modules/.bin/spectral"),
    Tool("schemathesis", Source.PIP, "judges", _JUDGES_VERSION, "bin/schemathesis"),
    Tool("influxdb-client", Source.PIP, "judges", _JUDGES_VERSION, "bin/python"),
    Tool("openapi-python-client", Source.PIP, "judges", _JUDGES_VERSION, "bin/openapi-python-client"),
    Tool("kubectl", Source.PIP, "judges", _JUDGES_VERSION, "bin/kubectl"),
    Tool("spark", Source.PIP, "spark", _SPARK_VERSION, "bin/spark-submit"),
)


def find_tool(name: str) -> Path:
    """The program of a tool by its name; raises Missing when it is not at hand."""
    tool = next(tool for tool in TOOLS if tool.name == name)
    if tool.path is None:
        raise Missing(name, "not installed (scripts/servers install)")
    return tool.path
