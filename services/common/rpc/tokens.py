"""Bearer tokens: made, listed, revoked and recognised. Only a hash of the secret is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from services.common.catalog import Catalog, Collection, Index, Insert, change
from services.common.catalog.documents import from_document, to_document
from services.common.rpc.identity import Scope

TOKENS = Collection("tokens", (Index("by_time", ("create_time_ns",)),))
PREFIX = "dm"


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token: a hash of its secret, its subject and its scopes."""

    id: str
    subject: str
    scopes: tuple[Scope, ...]
    secret_sha256: bytes
    create_time_ns: int
    expire_time_ns: int | None = None
    revoke_time_ns: int | None = None

    def matches(self, secret: str) -> bool:
        """Whether this is the token's secret, in constant time."""
        return hmac.compare_digest(self.secret_sha256, _hash(secret))


class Tokens:
    """The tokens of a mesh."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def create(
        self, subject: str, scopes: tuple[Scope, ...], *, now_ns: int, expire_time_ns: int | None = None
    ) -> tuple[Token, str]:
        """Makes a token and returns it with its text, which is not stored."""
        secret = secrets.token_urlsafe(32)
        token = Token(secrets.token_hex(8), subject, scopes, _hash(secret), now_ns, expire_time_ns)
        await self._catalog.batch([Insert(TOKENS, to_document(token))])
        return token, f"{PREFIX}_{token.id}_{secret}"

    async def list(self) -> list[Token]:
        """Every token, oldest first."""
        found: list[Token] = []
        after = None
        while page := await self._catalog.find(TOKENS, "by_time", after=after, limit=1000):
            found += [from_document(Token, document) for document in page]
            after = (page[-1]["create_time_ns"], page[-1]["_id"])
        return found

    async def revoke(self, token_id: str, *, now_ns: int) -> bool:
        """Ends a token; False when there is none of this id."""

        def edit(document: dict[str, object] | None) -> dict[str, object] | None:
            if document is None or document.get("revoke_time_ns"):
                return None
            return {**document, "revoke_time_ns": now_ns}

        return await change(self._catalog, TOKENS, token_id, edit) is not None

    async def find(self, text: str) -> Token | None:
        """The token of this text, whether or not it still holds; None when the mesh never made it."""
        prefix, _, rest = text.partition("_")
        token_id, _, secret = rest.partition("_")
        if prefix != PREFIX or not token_id or not secret:
            return None
        document = await self._catalog.get(TOKENS, token_id)
        if document is None:
            return None
        token = from_document(Token, document)
        return token if token.matches(secret) else None


def _hash(secret: str) -> bytes:
    # The secret has 256 random bits: a slow hash would protect nothing more.
    return hashlib.sha256(secret.encode()).digest()
