from __future__ import annotations

import pytest

from services.common.settings.store_addresses import address_fault

GOOD = [
    ("catalog", "sqlite:///data/catalog.sqlite"),
    ("catalog", "mongodb://mongo:27017/dropmesh"),
    ("catalog", "mongodb://ann:pass%2Fword@one,two:27018/dropmesh?replicaSet=set"),
    ("catalog", "mongodb+srv://cluster.example.com/dropmesh"),
    ("objects", "file:///data/objects"),
    ("objects", "s3://bucket"),
    ("objects", "s3://bucket/a/prefix"),
    ("queue", "embedded"),
    ("queue", "amqp://ann:secret@rabbitmq/"),
    ("queue", "amqps://rabbitmq:5671/host?prefix=mesh"),
]
WRONG = [
    ("catalog", "redis://host/"),
    ("catalog", "mesh"),
    ("catalog", "sqlite:"),
    ("catalog", "sqlite:catalog.sqlite"),
    ("catalog", "sqlite://data/catalog.sqlite"),
    ("catalog", "mongodb://host"),
    ("catalog", "mongodb://host:port/dropmesh"),
    ("catalog", "mongodb://ann:hidden/x@host/dropmesh"),
    ("catalog", "mongodb+srv://cluster.example.com"),
    ("objects", "file://data/objects"),
    ("objects", "s3:"),
    ("objects", "s3://bucket?region=x"),
    ("queue", "embedded:"),
    ("queue", "amqp://"),
    ("queue", "amqp://ann:hidden/x@rabbitmq/"),
    ("queue", "amqp://[rabbitmq/"),
]


@pytest.mark.parametrize(("store", "address"), GOOD)
def test_an_address_that_can_be_opened_is_good(store, address):
    assert address_fault(store, address) is None


@pytest.mark.parametrize(("store", "address"), WRONG)
def test_one_that_cannot_is_told_without_what_it_holds(store, address):
    fault = address_fault(store, address)
    assert fault is not None
    assert "hidden" not in fault


def test_a_file_that_an_address_names_and_that_cannot_be_read_is_named():
    address = "mongodb://ann:hidden@mongo/dropmesh?tls=true&tlsCAFile=/nowhere/ca.crt"
    assert address_fault("catalog", address) == "the file /nowhere/ca.crt cannot be read (No such file or directory)"
