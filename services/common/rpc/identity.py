"""Who calls, and what they own. Every store asks here before it shows or changes a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LOCAL = "local"


class Scope(StrEnum):
    """What a token allows."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a call comes from: the subject for the record, the owner of what it makes, and what it may do."""

    subject: str
    owner: str
    scopes: frozenset[Scope]

    @property
    def is_admin(self) -> bool:
        """Sees and changes what belongs to anyone."""
        return Scope.ADMIN in self.scopes

    def may(self, scope: Scope) -> bool:
        """Whether the scope is given; admin includes the others."""
        return scope in self.scopes or self.is_admin

    def owns(self, document: Mapping[str, Any]) -> bool:
        """Whether a stored document is this caller's to see and change."""
        return self.is_admin or document["owner"] == self.owner


ANYONE = Caller(subject="anonymous", owner="", scopes=frozenset())
"""A caller of a public method: owns nothing."""

LOCAL_CALLER = Caller(subject=LOCAL, owner=LOCAL, scopes=frozenset({Scope.READ, Scope.WRITE}))
"""A caller without a token in mode `open`."""
