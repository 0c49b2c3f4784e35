"""Renders an overlay with the Secrets that a person makes for it, and finds the programs in it."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.servers.tools import find_tool

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "k8s"
OVERLAYS = ("dev", "prod")
ADDED = ("monitoring", "keda", "traces")
"""Components that no overlay names by itself: they need something else in the cluster."""

Object = dict[str, Any]


class OverlayInvalid(Exception):
    """An overlay does not build, or names what it does not hold."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """The objects of an overlay, and the Secrets that are made by hand, by name."""

    name: str
    objects: tuple[Object, ...]
    text: str
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of_kind(self, *kinds: str) -> Iterator[Object]:
        """Its objects of these kinds."""
        return (found for found in self.objects if found["kind"] in kinds)

    def values(self, kind: str, name: str) -> Mapping[str, str]:
        """The entries of a ConfigMap or Secret."""
        for found in self.of_kind(kind):
            if found["metadata"]["name"] == name:
                plain = {key: str(value) for key, value in found.get("data", {}).items()}
                if kind == "ConfigMap":
                    return plain
                return {key: base64.b64decode(value).decode() for key, value in plain.items()}
        if kind == "Secret" and name in self.secrets:
            return self.secrets[name]
        raise OverlayInvalid(f"{self.name}: there is no {kind} {name}")


@dataclass(frozen=True, slots=True)
class Workload:
    """A program that the overlay runs."""

    overlay: Overlay
    kind: str
    name: str
    pod: Object

    @property
    def container(self) -> Object:
        """Its one container."""
        (container,) = self.pod["containers"]
        found: Object = container
        return found

    @property
    def is_ours(self) -> bool:
        """Whether it runs the product's image."""
        return "dropmesh" in str(self.container["image"])

    def environment(self) -> dict[str, str]:
        """The variables that its container starts with."""
        found: dict[str, str] = {}
        for source in self.container.get("envFrom", ()):
            kind, reference = next(iter(source.items()))
            found |= self.overlay.values("ConfigMap" if kind == "configMapRef" else "Secret", reference["name"])
        for entry in self.container.get("env", ()):
            found[entry["name"]] = self._value(entry, found)
        return found

    def mounts(self) -> dict[str, str]:
        """The kind of volume at each path."""
        volumes = {volume["name"]: next(key for key in volume if key != "name") for volume in self.pod["volumes"]}
        return {mount["mountPath"]: volumes[mount["name"]] for mount in self.container.get("volumeMounts", ())}

    def _value(self, entry: Object, known: Mapping[str, str]) -> str:
        if "value" in entry:
            return re.sub(r"\$\((\w+)\)", lambda name: known[name[1]], str(entry["value"]))
        reference = entry["valueFrom"]["secretKeyRef"]
        values = self.overlay.values("Secret", reference["name"])
        if reference["key"] not in values:
            raise OverlayInvalid(f"{self.name}: the Secret {reference['name']} has no key {reference['key']}")
        return values[reference["key"]]


def render(name: str, components: tuple[str, ...] = (), root: Path = ROOT) -> Overlay:
    """Builds an overlay of a checkout, with further components; passwords are made as the overlay's page says."""
    kubectl = find_tool("kubectl")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "k8s"
        shutil.copytree(root / "k8s", folder, ignore=shutil.ignore_patterns("*.env.local", "stores.env", "servers.env"))
        overlay = folder / "overlays" / name
        if (overlay / "make-secrets").exists():
            _run(overlay / "make-secrets")
        if components:
            file = overlay / "kustomization.yaml"
            wanted: Object = yaml.safe_load(file.read_text())
            wanted.setdefault("components", []).extend(f"../../components/{component}" for component in components)
            file.write_text(yaml.safe_dump(wanted))
        text = _run(kubectl, "kustomize", overlay)
    return Overlay(name, tuple(yaml.safe_load_all(text)), text, _secrets_by_hand(name))


def unused_components() -> list[str]:
    """Components that neither an overlay nor ADDED names."""
    files = (yaml.safe_load((FOLDER / "overlays" / name / "kustomization.yaml").read_text()) for name in OVERLAYS)
    named = {Path(component).name for file in files for component in file.get("components", ())}
    return sorted({path.name for path in (FOLDER / "components").iterdir()} - named - set(ADDED))


def workloads(overlay: Overlay) -> list[Workload]:
    """Every program of an overlay."""
    found = []
    for one in overlay.of_kind("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"):
        spec = one["spec"]
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        pod = spec if one["kind"] == "Pod" else spec["template"]["spec"]
        found.append(Workload(overlay, one["kind"], one["metadata"]["name"], pod))
    return found


def _secrets_by_hand(name: str) -> dict[str, dict[str, str]]:
    example = FOLDER / "overlays" / name / "stores.env.example"
    if not example.exists():
        return {}
    lines = (line for line in example.read_text().splitlines() if line and not line.startswith("#"))
    stores = dict(line.split("=", 1) for line in lines)
    return {"stores": stores, "stores-ca": {"ca.crt": ""}, "edge-tls": {"tls.crt": "", "tls.key": ""}}


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OverlayInvalid((done.stdout + done.stderr).strip())
    return done.stdout
