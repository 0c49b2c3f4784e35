"""The dashboard and the alerts name only metrics and labels that a running mesh has."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import httpx
import pytest
import yaml

from scripts.mesh.sample import ensure_sample
from services.common.base.telemetry import Metrics
from tests.e2e.mesh import eventually

FOLDER = Path(__file__).resolve().parents[2] / "k8s" / "components" / "monitoring"
# Prometheus itself makes this one.
BUILT_IN = {"up"}
# Labels that a scrape adds, by the PodMonitor.
ADDED = {"service", "pod", "le"}
# No label of Envoy is one of these.
METRIC = r"\bdropmesh_\w+|\benvoy_(?!http_conn_manager_prefix|response_code_class|cluster_name)\w+|\bup\b"


def expressions() -> dict[str, str]:
    """Every expression, by where it stands."""
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["spec"]["groups"]
    found = {f"alert {rule['alert']}": rule["expr"] for group in rules for rule in group["rules"]}
    board = json.loads((FOLDER / "dropmesh.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            found[f"panel {panel['title']}"] = target["expr"]
    return found


def scraped(mesh) -> dict[str, set[str]]:
    """The label names of each sample of the edge and the three services."""
    found: dict[str, set[str]] = defaultdict(set)
    for service in ("edge", "ingest", "processor", "query"):
        text = httpx.get(f"{mesh.operations_url}/metrics/{service}").text
        for name, labels in re.findall(r"^(\w+)(?:\{([^}]*)\})? \S+$", text, re.MULTILINE):
            found[name] |= set(re.findall(r'(\w+)="', labels))
    return found


def test_every_metric_and_label_of_the_dashboard_and_alerts_is_in_a_scrape(mesh, client, tmp_path):
    drop = '{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [1, 2]}'
    assert client.post("/v1/measurements", content=drop, params={"wait": "10s"}).status_code == 200
    photo = client.post("/v1/media", files={"photo": ("photo.jpg", ensure_sample(tmp_path).read_bytes())})
    name = photo.json()["results"][0]["media"]["name"]
    eventually(lambda: client.get(f"/v1/{name}").json()["state"] == "PROCESSED", 120)
    # Envoy shows what a histogram has counted every 5 s.
    eventually(lambda: "envoy_http_downstream_rq_time_bucket" in scraped(mesh), 30)
    found = scraped(mesh)
    # A mesh without faults has no sample of it yet; its label is declared.
    found["dropmesh_loop_restarts_total"] |= {"loop"}
    for where, text in expressions().items():
        plain = re.sub(r'"[^"]*"', "", text)
        metrics = set(re.findall(METRIC, plain))
        assert metrics, where
        assert metrics - BUILT_IN <= found.keys(), f"{where}: {metrics - found.keys()}"
        groups = re.findall(r"\bby \(([^)]*)\)", plain)
        wanted = {label.strip() for group in groups for label in group.split(",")}
        wanted |= set(re.findall(r"[{,]\s*(\w+)\s*(?:=~|!=|=|!~)", plain))
        known = ADDED.union(*(found[metric] for metric in metrics - BUILT_IN))
        assert wanted <= known, f"{where}: {wanted - known}"


def test_the_registry_declares_what_the_expressions_name():
    declared = {metric.name for metric in Metrics().registry.collect()}
    named = {name for text in expressions().values() for name in re.findall(r"dropmesh_\w+", text)}
    plain = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in named}
    assert plain <= declared


def test_each_alert_has_a_line_in_the_operations_page():
    page = (FOLDER.parents[2] / "docs" / "operations.md").read_text()
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["spec"]["groups"]
    for rule in (rule for group in rules for rule in group["rules"]):
        assert f"`{rule['alert']}`" in page, rule["alert"]
        anchor = rule["annotations"]["runbook"].partition("#")[2]
        assert f"## {anchor.replace('-', ' ').capitalize()}" in page


@pytest.mark.parametrize("where", expressions())
def test_parentheses_and_quotes_of_an_expression_are_closed(where):
    text = expressions()[where]
    assert text.count('"') % 2 == 0
    for opening, closing in ("()", "{}", "[]"):
        assert text.count(opening) == text.count(closing)
