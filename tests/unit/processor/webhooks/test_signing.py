from __future__ import annotations

import hashlib
import hmac

from services.processor.webhooks.signing import signature


def test_a_receiver_finds_the_same_signature() -> None:
    made = dict(part.split("=") for part in signature("whsec_key", 1_700_000_000, b'{"a":1}').split(","))
    wanted = hmac.new(b"whsec_key", made["t"].encode() + b'.{"a":1}', hashlib.sha256).hexdigest()
    assert made == {"t": "1700000000", "v1": wanted}


def test_another_time_body_or_secret_has_another_signature() -> None:
    made = signature("one", 1, b"body")
    assert len({made, signature("one", 2, b"body"), signature("one", 1, b"b0dy"), signature("two", 1, b"body")}) == 4
