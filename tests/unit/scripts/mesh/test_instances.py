from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scripts.mesh.instances import add_instances, environment, names, read_instances
from scripts.mesh.preflight import CannotStart
from services.common.settings import Settings

SERVERS = {"catalog": "mongodb://mongo/dropmesh", "objects": "s3://dropmesh", "queue": "amqp://rabbitmq/"}


def test_a_service_that_is_not_named_has_one_instance(tmp_path):
    settings = Settings(data=tmp_path, **SERVERS)
    assert read_instances("ingest=2, query=3", settings) == {"ingest": 2, "processor": 1, "query": 3}
    assert read_instances("", Settings(data=tmp_path)) == {"ingest": 1, "processor": 1, "query": 1}


@pytest.mark.parametrize("text", ["ingest", "ingest=0", "ingest=17", "edge=2", "ingest=2;query=2"])
def test_a_wrong_count_is_named(tmp_path, text):
    with pytest.raises(CannotStart, match="is no count; write ingest=2,processor=2,query=2"):
        read_instances(text, Settings(data=tmp_path, **SERVERS))


@pytest.mark.parametrize("missing", list(SERVERS))
def test_embedded_stores_take_one_of_each(tmp_path, missing):
    settings = Settings(data=tmp_path, **{name: url for name, url in SERVERS.items() if name != missing})
    with pytest.raises(CannotStart, match="embedded stores are for one of each service"):
        read_instances("ingest=2", settings)


def test_the_edge_knows_the_sockets_of_every_instance(tmp_path):
    clusters = tmp_path / "clusters.yaml"
    paths = ["../ingest.sock", "../ingest.http.sock", "../ingest.metrics.sock", "../query.sock"]
    clusters.write_text(
        yaml.dump(
            {
                "resources": [
                    {
                        "name": Path(path).name.removesuffix(".sock").replace(".", "_"),
                        "load_assignment": {
                            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": path}}}}]}]
                        },
                    }
                    for path in paths
                ]
            }
        )
    )
    add_instances(clusters, {"ingest": 2, "query": 1})
    found = [
        [
            one["endpoint"]["address"]["pipe"]["path"]
            for one in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        ]
        for cluster in yaml.safe_load(clusters.read_text())["resources"]
    ]
    assert found == [
        ["../ingest.sock", "../ingest-2.sock"],
        ["../ingest.http.sock", "../ingest-2.http.sock"],
        ["../ingest.metrics.sock"],
        ["../query.sock"],
    ]


def test_a_further_instance_has_sockets_and_a_data_folder_of_its_own(tmp_path):
    given = environment(Settings(data=tmp_path), "ingest-2")
    assert given["DROPMESH_LISTEN"] == f"unix:{tmp_path}/run/ingest-2.sock"
    assert Path(given["DROPMESH_DATA"]).is_dir()
    assert given["DROPMESH_MODELS"] == str(tmp_path / "models")
    assert names("ingest", 3) == ["ingest", "ingest-2", "ingest-3"]
