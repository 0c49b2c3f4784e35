"""Callers and their rights. Every store checks them before it returns or changes a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import PermissionDenied

LOCAL = "local"


class Scope(StrEnum):
    """The rights that a token grants."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a method: the subject that is recorded, the owner of what it creates, and its scopes."""

    subject: str
    owner: str
    scopes: frozenset[Scope]

    @property
    def is_admin(self) -> bool:
        """Whether the caller may read and change the resources of every owner."""
        return Scope.ADMIN in self.scopes

    def may(self, scope: Scope) -> bool:
        """Whether the caller has the scope; admin includes the others."""
        return scope in self.scopes or self.is_admin

    def owns(self, document: Mapping[str, Any]) -> bool:
        """Whether the caller may read and change a stored document."""
        return self.may_use(document["owner"])

    def may_use(self, owner: str) -> bool:
        """Whether the caller may read and change what an owner has."""
        return self.is_admin or owner == self.owner

    def asked_owner(self, owner: str) -> str:
        """The owner whose resources are asked for; empty means the caller's own."""
        if owner and not self.may_use(owner):
            message = f"owner: only a token with the scope 'admin' may read what {owner!r} owns"
            raise PermissionDenied(reasons.SCOPE_MISSING, message, metadata={"scope": Scope.ADMIN.value})
        return owner or self.owner


ANYONE = Caller(subject="anonymous", owner="", scopes=frozenset())
"""A caller of a public method: owns nothing."""

LOCAL_CALLER = Caller(subject=LOCAL, owner=LOCAL, scopes=frozenset({Scope.READ, Scope.WRITE}))
"""A caller without a token in mode `open`."""
