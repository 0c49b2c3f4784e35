from __future__ import annotations

import pytest

from services.common.base.errors import PermissionDenied
from services.common.rpc.identity import Caller, Scope

ANNA = Caller("anna", "anna", frozenset({Scope.READ, Scope.WRITE}))
ADMIN = Caller("root", "root", frozenset({Scope.ADMIN}))


def test_only_an_administrator_reads_what_another_owns() -> None:
    assert (ANNA.asked_owner(""), ANNA.asked_owner("anna"), ADMIN.asked_owner("anna")) == ("anna", "anna", "anna")
    with pytest.raises(PermissionDenied):
        ANNA.asked_owner("bert")
