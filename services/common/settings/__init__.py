"""Every setting, typed; `settings.reading` reads them once at start."""

from __future__ import annotations

import ipaddress
import os
import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from services.common.settings.addresses import host_and_port, listening_fault, url_fault
from services.common.settings.store_addresses import address_fault

MIB = 1024 * 1024
GIB = 1024 * MIB
PREFIX = "DROPMESH_"
CHECKOUT = Path(__file__).resolve().parents[3]


class Mode(StrEnum):
    """The callers that are accepted: anyone on this machine, or only the holders of tokens."""

    OPEN = "open"
    TOKENS = "tokens"


class SettingsError(Exception):
    """An invalid setting; the message names the variable, its value and the accepted values."""


class Settings(BaseModel):
    """Every setting of the mesh."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    data: Path = Field(
        CHECKOUT / ".dropmesh",
        description="data folder (stores, sockets, models); default `.dropmesh` in the checkout",
    )
    catalog: str = Field("", description="sqlite:///path or mongodb://host/database; empty: a file in the data folder")
    objects: str = Field(
        "", description="file:///path, s3://bucket or s3://bucket/prefix; empty: a folder in the data folder"
    )
    queue: str = Field("", description="amqp://host or embedded; empty: embedded, in the catalog's database")
    mode: Mode = Field(Mode.OPEN, description="callers that are accepted: open or tokens, see below")
    edge_host: str = Field("127.0.0.1", description="IP address that the edge listens on")
    edge_port: int = Field(8080, ge=1, le=65535, description="port that the edge listens on")
    operations: int = Field(
        0, ge=0, le=65535, description="port of metrics and health, on 127.0.0.1; 0: DROPMESH_EDGE_PORT + 1"
    )
    public_url: str = Field(
        "", description="URL at which clients reach the edge, for invite links; empty: the edge's address"
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file of the edge's certificate chain; with the key, the edge serves HTTPS"
    )
    tls_private_key: Path | None = Field(None, description="PEM file of the certificate's private key")
    origins: str = Field(
        "", description="sites whose pages may call, such as https://app.example.com, separated by commas"
    )

    instances: str = Field(
        "", description="how many of each service scripts/up runs, such as ingest=2,query=2; empty: one of each"
    )
    listen: str = Field(
        "", description="host:port or unix:/path of a single service; empty: a socket in the data folder"
    )
    metrics: str = Field(
        "", description="host:port or unix:/path of a single service's metrics; empty: a socket in the data folder"
    )
    http: str = Field(
        "",
        description="host:port or unix:/path of the HTTP door of a service; empty: a socket in the data folder",
    )
    max_in_flight: int = Field(512, ge=1, description="limit of concurrent calls in one service")
    max_waits: int = Field(
        4096, ge=1, description="limit of concurrent watchers, and of drops that wait, in one service"
    )
    drain_seconds: float = Field(10.0, ge=0, description="time that a stopping service gives its running calls")
    notice_seconds: float = Field(
        0.0,
        ge=0,
        description="time that a stopping service goes on serving, so that the edge notices; 3 with a second instance",
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR")
    otlp_endpoint: str = Field(
        "",
        pattern=r"^(http://[^/?#\s:]+:[0-9]+)?$",
        description="http://host:port of an OpenTelemetry collector (OTLP over gRPC) for traces; empty: no traces",
    )
    traced_percent: float = Field(
        100.0, ge=0, le=100, description="share of the requests that the edge begins a trace for"
    )

    s3_endpoint: str = Field("", description="address of an S3 server other than AWS")
    s3_access_key: str = Field("", description="access key; empty: the credentials that AWS' own tools find")
    s3_secret_key: str = Field("", description="secret key of the access key")
    s3_session_token: str = Field("", description="session token of temporary credentials")
    s3_region: str = Field("us-east-1", description="region of the bucket; a missing bucket is made there")
    s3_encryption: str = Field(
        "", pattern="^(AES256|aws:kms|aws:kms:dsse)?$", description="encryption by S3: AES256 or aws:kms"
    )
    s3_encryption_key: str = Field("", description="id or ARN of the key for aws:kms")
    s3_connections: int = Field(16, ge=1, description="connections of one process to S3")
    presigned_downloads: bool = Field(False, description="answer REST downloads with a redirect to S3")
    presigned_seconds: int = Field(300, ge=1, le=604800, description="lifetime of such a redirect")

    max_drop_bytes: int = Field(16 * MIB, ge=1, le=64 * MIB, description="limit of one drop; at most 64 MiB")
    max_drop_points: int = Field(1_000_000, ge=1, description="limit of numbers in one measurement")
    max_image_bytes: int = Field(64 * MIB, ge=1, description="limit of one image")
    max_video_bytes: int = Field(4 * GIB, ge=1, description="limit of one video")
    max_megapixels: float = Field(100.0, gt=0, description="limit of width times height, of an image or a video")
    max_video_seconds: float = Field(4 * 3600.0, gt=0, description="limit of a video's length")
    max_frames: int = Field(500_000, ge=1, description="limit of a video's frames")
    max_animation_frames: int = Field(2_000, ge=1, description="limit of an animated image's frames")
    recent_reads_bytes: int = Field(
        32 * MIB,
        ge=0,
        description="memory in which query keeps points of series and media that were read in the last minute; "
        "a read of more than half of it keeps no points",
    )
    upload_hours: float = Field(24.0, gt=0, description="lifetime of a resumable upload")
    purge_days: float = Field(30.0, ge=0, description="time until the record of a deleted media is deleted")
    sweep_seconds: float = Field(60.0, gt=0, description="time between two sweeps")
    orphan_seconds: float = Field(
        3600.0, gt=0, description="age at which an orphan (a stored object that no content names) is deleted"
    )

    webhook_http: bool = Field(False, description="allow webhooks with http:// beside https://")
    webhook_private: bool = Field(False, description="let webhooks send events to addresses of private networks")
    erasure_settle_seconds: float = Field(
        60.0, ge=0, description="time after the request of an erasure in which calls that began before it may end"
    )

    models: Path | None = Field(None, description="folder of pulled models; empty: `models` in the data folder")
    models_mirror: str = Field("", description="http(s) URL or folder from which models are pulled first")
    pull_models: bool = Field(
        True, description="let scripts/up fetch better models than the bundled one, for 20 seconds at most"
    )
    provider: str = Field("cpu", pattern="^(cpu|cuda)$", description="device that runs the models: cpu or cuda")
    workers: int = Field(
        0, ge=0, le=64, description="child processes that decode and infer; 0: chosen from the number of cores"
    )
    photo_seconds: float = Field(
        60.0,
        gt=0,
        description="time limit for processing one image; plus 0.5 s for each further frame of an animation",
    )
    detection_seconds: float = Field(
        5.0,
        gt=0,
        description="CPU time for the search in one image, to which a second look at unsure places of a large image "
        "adds at most a quarter; a large image gets a warning where more would find smaller objects (counted from its "
        "size and the models' stated costs, not measured)",
    )
    video_seconds: float = Field(4 * 3600.0, gt=0, description="time limit for processing one video")
    worker_memory_bytes: int = Field(2 * GIB, ge=256 * MIB, description="memory limit of one such child process")
    classify_amqp: str = Field(
        "", description="amqp://host where the processor answers requests for labels; empty: nowhere"
    )
    classify_profile: str = Field(
        "dropmesh", description="how such requests look: dropmesh, modelcls, or the path of a .toml file"
    )

    @field_validator("data", "models", "tls_certificate", "tls_private_key", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("edge_host", mode="after")
    @classmethod
    def _address(cls, value: str) -> str:
        # The edge looks up no names.
        host = "127.0.0.1" if value == "localhost" else value.strip("[]")
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise ValueError("not an IP address such as 127.0.0.1 or 0.0.0.0") from None
        return host

    @field_validator("tls_certificate", "tls_private_key", mode="after")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not os.access(value, os.R_OK):
            raise ValueError("the file does not exist or cannot be read")
        return value

    @field_validator("origins", mode="after")
    @classmethod
    def _sites(cls, value: str) -> str:
        for origin in _listed(value):
            if not re.fullmatch(r"https?://[^/?#\s]+", origin):
                raise ValueError(f"{origin} is not a site such as https://app.example.com, without a path")
        return value

    @field_validator("listen", "metrics", "http", mode="after")
    @classmethod
    def _listens(cls, value: str) -> str:
        if value and (fault := listening_fault(value)):
            raise ValueError(fault)
        return value

    @field_validator("public_url", "otlp_endpoint", mode="after")
    @classmethod
    def _url(cls, value: str) -> str:
        if value and (fault := url_fault(value)):
            raise ValueError(fault)
        return value

    @field_validator("catalog", "objects", "queue", "classify_amqp", mode="after")
    @classmethod
    def _known_store(cls, value: str, info: ValidationInfo) -> str:
        if value and (fault := address_fault(info.field_name or "", value)):
            raise ValueError(fault)
        return value

    @model_validator(mode="after")
    def _open_on_loopback_only(self) -> Settings:
        if self.mode is Mode.OPEN and not is_loopback(self.edge_host):
            raise ValueError(
                f"{PREFIX}MODE is 'open' while {PREFIX}EDGE_HOST is {self.edge_host!r}: mode open accepts only a "
                f"loopback address (127.0.0.1); set {PREFIX}MODE=tokens to listen on another one"
            )
        for name in ("listen", "http"):
            address = getattr(self, name)
            if self.mode is Mode.OPEN and address and not _is_local(address):
                raise ValueError(
                    f"{PREFIX}MODE is 'open' while {PREFIX}{name.upper()} is {address!r}: other machines reach it, and "
                    f"mode open needs no token; set {PREFIX}MODE=tokens, or listen on 127.0.0.1 or unix:/path"
                )
        return self

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Settings:
        if (self.tls_certificate is None) != (self.tls_private_key is None):
            raise ValueError(
                f"{PREFIX}TLS_CERTIFICATE and {PREFIX}TLS_PRIVATE_KEY belong together: set both or neither"
            )
        return self

    @model_validator(mode="after")
    def _two_ports(self) -> Settings:
        if self.operations_port in {self.edge_port, 65536}:
            raise ValueError(
                f"{PREFIX}OPERATIONS is {self.operations} while {PREFIX}EDGE_PORT is {self.edge_port}: metrics and "
                f"health need a port of their own; set {PREFIX}OPERATIONS to another port"
            )
        return self

    @property
    def catalog_url(self) -> str:
        """Where the catalog is."""
        return self.catalog or f"sqlite:///{quote(str(self.data))}/catalog.sqlite"

    @property
    def objects_url(self) -> str:
        """Where the objects are."""
        return self.objects or f"file:///{quote(str(self.data))}/objects"

    @property
    def queue_url(self) -> str:
        """Where the queue is."""
        return self.queue or "embedded"

    @property
    def operations_port(self) -> int:
        """The port of metrics and health, on loopback."""
        return self.operations or self.edge_port + 1

    @property
    def models_folder(self) -> Path:
        """Where pulled models are."""
        return self.models or self.data / "models"

    @property
    def edge_url(self) -> str:
        """How clients reach the edge."""
        host = f"[{self.edge_host}]" if ":" in self.edge_host else self.edge_host
        scheme = "https" if self.tls_certificate else "http"
        return self.public_url.rstrip("/") or f"{scheme}://{host}:{self.edge_port}"

    @property
    def origin_list(self) -> list[str]:
        """The sites whose pages may call, besides those of this machine."""
        return _listed(self.origins)

    @property
    def upload_lifetime(self) -> timedelta:
        """How long a resumable upload lasts."""
        return timedelta(hours=self.upload_hours)

    def socket(self, service: str) -> str:
        """Where a service of this data folder listens."""
        return self.listen or f"unix:{self.data}/run/{service}.sock"

    def metrics_socket(self, service: str) -> str:
        """Where a service of this data folder serves its metrics."""
        return self.metrics or f"unix:{self.data}/run/{service}.metrics.sock"

    def http_socket(self, service: str) -> str:
        """Where a service of this data folder takes requests over HTTP."""
        return self.http or f"unix:{self.data}/run/{service}.http.sock"


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_local(address: str) -> bool:
    return address.startswith("unix:") or is_loopback(host_and_port(address)[0])
