"""Recognises a caller by its bearer token, by the settings' mode and by what the contract asks of a method."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.behavior_pb2 import Behavior

from services.common.base.errors import PermissionDenied, Unauthenticated
from services.common.rpc.identity import ANYONE, LOCAL, LOCAL_CALLER, Caller, Scope
from services.common.rpc.tokens import Token, Tokens
from services.common.settings import Mode

# A token is looked up once in this time: a revoked one works no longer than that.
REMEMBERED_NS = 1_000_000_000
REMEMBERED_MOST = 10_000
# InfluxDB's clients say "Token".
SCHEMES = ("bearer", "token")
NONE_GIVEN = "this method needs a token; send the header Authorization: Bearer dm_…"
NOT_VALID = "this mesh did not issue the token, or it was revoked; the header must read Authorization: Bearer dm_…"
SCOPES = {Behavior.READ: Scope.READ, Behavior.WRITE: Scope.WRITE, Behavior.ADMIN: Scope.ADMIN}


class Authenticator:
    """Turns an authorization header into a Caller, or refuses it."""

    def __init__(self, tokens: Tokens, mode: Mode, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._tokens = tokens
        self._mode = mode
        self._now_ns = now_ns
        self._remembered: dict[str, tuple[int, Token]] = {}

    async def authorize(self, authorization: str | None, behavior: Behavior) -> Caller:
        """The caller, where the contract lets it call this method; else Unauthenticated or PermissionDenied."""
        if behavior.scope == Behavior.PUBLIC:
            return ANYONE
        scope = SCOPES[behavior.scope]
        caller = await self.recognize(authorization, token_always=behavior.token_always)
        if not caller.may(scope):
            raise PermissionDenied(
                reasons.SCOPE_MISSING, f"the token lacks the scope {scope.value!r}", metadata={"scope": scope.value}
            )
        return caller

    async def recognize(self, authorization: str | None, *, token_always: bool = False) -> Caller:
        """The caller, with any scope; else Unauthenticated."""
        if authorization is not None:
            return self._caller(await self._token(authorization))
        if self._mode is Mode.TOKENS or token_always:
            raise Unauthenticated(reasons.TOKEN_MISSING, NONE_GIVEN)
        return LOCAL_CALLER

    def _caller(self, token: Token) -> Caller:
        # In mode `open` everything belongs to one owner, also what is done with a token.
        owner = LOCAL if self._mode is Mode.OPEN else token.subject
        return Caller(token.subject, owner, frozenset(token.scopes))

    async def _token(self, authorization: str) -> Token:
        now_ns = self._now_ns()
        remembered_ns, token = self._remembered.get(authorization, (0, None))
        if token is None or now_ns - remembered_ns > REMEMBERED_NS:
            scheme, _, text = authorization.partition(" ")
            token = await self._tokens.find(text.strip()) if scheme.lower() in SCHEMES else None
            if token is None or token.revoke_time_ns is not None:
                self._remembered.pop(authorization, None)
                raise Unauthenticated(reasons.TOKEN_INVALID, NOT_VALID)
            if len(self._remembered) >= REMEMBERED_MOST:
                self._remembered.clear()
            self._remembered[authorization] = (now_ns, token)
        if token.expire_time_ns is not None and token.expire_time_ns <= now_ns:
            expired = datetime.fromtimestamp(token.expire_time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            raise Unauthenticated(
                reasons.TOKEN_EXPIRED, f"the token expired at {expired}", metadata={"expire_time": expired}
            )
        return token
