"""Prometheus' own tool judges when an alert fires."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import yaml

RULES = Path(__file__).resolve().parents[3] / "k8s" / "components" / "monitoring" / "alerts.yaml"
SERVICES = ("edge", "ingest", "processor", "query")


@pytest.fixture
def missing(tool, tmp_path):
    """Judges the alert DropmeshServiceMissing: it must fire for exactly these services."""
    rules = yaml.safe_load(RULES.read_text())["spec"]
    (tmp_path / "rules.yaml").write_text(json.dumps(rules))
    (rule,) = (one for one in rules["groups"][0]["rules"] if one["alert"] == "DropmeshServiceMissing")

    def judge(pods: Mapping[str, Iterable[int]], expected: Iterable[str]) -> None:
        series = [
            {"series": f'up{{service="{service}", pod="{number}"}}', "values": f"{up}x20"}
            for service, answers in pods.items()
            for number, up in enumerate(answers)
        ]
        alerts = [
            {
                "exp_labels": {"service": service, "severity": "warning"},
                "exp_annotations": {
                    "summary": f"Fewer than two instances of {service} answer",
                    "runbook": rule["annotations"]["runbook"],
                },
            }
            for service in expected
        ]
        test = {
            "interval": "1m",
            "input_series": series,
            "alert_rule_test": [{"eval_time": "10m", "alertname": rule["alert"], "exp_alerts": alerts}],
        }
        file = tmp_path / "test.yaml"
        file.write_text(json.dumps({"rule_files": ["rules.yaml"], "tests": [test]}))
        done = subprocess.run(
            [str(tool("promtool")), "test", "rules", str(file)], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return judge


def test_no_service_with_two_instances_is_missing(missing):
    missing(dict.fromkeys(SERVICES, (1, 1)), ())


@pytest.mark.parametrize("answers", [(), (0, 0), (1,), (1, 0)])
def test_services_with_fewer_are_missing_and_so_are_those_with_none(missing, answers):
    missing(dict.fromkeys(SERVICES, answers), SERVICES)


def test_only_the_service_without_an_instance_is_missing(missing):
    missing({service: (1, 1) for service in SERVICES if service != "processor"}, ["processor"])
