from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dropmesh.v1.behavior_pb2 import Behavior
from dropmesh.v1.error_reason_pb2 import ErrorReason

from services.common.base.errors import DropmeshError
from services.common.catalog.opening import open_catalog
from services.common.rpc.auth import REMEMBERED_NS, Authenticator
from services.common.rpc.identity import ANYONE, LOCAL, Scope
from services.common.rpc.tokens import TOKENS, Tokens
from services.common.settings import Mode

DAY_NS = 86_400 * 10**9
READ = Behavior(scope=Behavior.READ)
WRITE = Behavior(scope=Behavior.WRITE)
ALWAYS = Behavior(scope=Behavior.READ, token_always=True)
PUBLIC = Behavior(scope=Behavior.PUBLIC)


class Clock:
    now_ns = 10**18

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
async def tokens(tmp_path: Path) -> AsyncIterator[Tokens]:
    catalog = await open_catalog(f"sqlite://{tmp_path}/catalog.sqlite", (TOKENS,))
    yield Tokens(catalog)
    await catalog.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def refused(authenticator: Authenticator, authorization: str | None, behavior: Behavior) -> str:
    with pytest.raises(DropmeshError) as caught:
        await authenticator.authorize(authorization, behavior)
    return ErrorReason.Name(caught.value.reason)


async def test_mode_open_lets_anyone_on_the_machine_read_and_write(tokens, clock):
    authenticator = Authenticator(tokens, Mode.OPEN, clock)
    assert (await authenticator.authorize(None, READ)).owner == LOCAL
    assert (await authenticator.authorize(None, WRITE)).owner == LOCAL
    assert await refused(authenticator, None, ALWAYS) == "TOKEN_MISSING"


async def test_in_mode_open_there_is_one_owner_whoever_holds_the_token(tokens, clock):
    _, text = await tokens.create("ann", (Scope.READ,), now_ns=clock())
    caller = await Authenticator(tokens, Mode.OPEN, clock).authorize(f"Bearer {text}", READ)
    assert (caller.subject, caller.owner) == ("ann", LOCAL)


async def test_mode_tokens_asks_for_one(tokens, clock):
    authenticator = Authenticator(tokens, Mode.TOKENS, clock)
    assert await refused(authenticator, None, READ) == "TOKEN_MISSING"
    assert await authenticator.authorize(None, PUBLIC) is ANYONE


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic abc", "Bearer dm_x_y", "Bearer dm__", "Bearer ünïcode"]
)
async def test_what_is_no_token_is_refused(tokens, clock, authorization):
    assert await refused(Authenticator(tokens, Mode.TOKENS, clock), authorization, READ) == "TOKEN_INVALID"


async def test_a_right_id_with_a_wrong_secret_is_refused(tokens, clock):
    token, text = await tokens.create("ann", (Scope.READ,), now_ns=clock())
    authenticator = Authenticator(tokens, Mode.TOKENS, clock)
    assert await refused(authenticator, f"Bearer dm_{token.id}_wrong", READ) == "TOKEN_INVALID"
    assert (await authenticator.authorize(f"bearer {text}", READ)).owner == "ann"


async def test_scopes_are_kept_and_admin_has_all(tokens, clock):
    authenticator = Authenticator(tokens, Mode.TOKENS, clock)
    _, reader = await tokens.create("ann", (Scope.READ,), now_ns=clock())
    _, admin = await tokens.create("root", (Scope.ADMIN,), now_ns=clock())
    assert await refused(authenticator, f"Bearer {reader}", WRITE) == "SCOPE_MISSING"
    assert (await authenticator.authorize(f"Bearer {admin}", WRITE)).is_admin


async def test_a_token_ends_when_it_expires(tokens, clock):
    authenticator = Authenticator(tokens, Mode.TOKENS, clock)
    _, text = await tokens.create("ann", (Scope.READ,), now_ns=clock(), expire_time_ns=clock() + DAY_NS)
    await authenticator.authorize(f"Bearer {text}", READ)
    clock.now_ns += DAY_NS
    assert await refused(authenticator, f"Bearer {text}", READ) == "TOKEN_EXPIRED"


async def test_a_revoked_token_works_for_a_second_at_most(tokens, clock):
    authenticator = Authenticator(tokens, Mode.TOKENS, clock)
    token, text = await tokens.create("ann", (Scope.READ,), now_ns=clock())
    await authenticator.authorize(f"Bearer {text}", READ)
    assert await tokens.revoke(token.id, now_ns=clock())
    clock.now_ns += REMEMBERED_NS + 1
    assert await refused(authenticator, f"Bearer {text}", READ) == "TOKEN_INVALID"


async def test_tokens_are_listed_oldest_first_and_never_with_their_secret(tokens, clock):
    made = [await tokens.create(name, (Scope.READ,), now_ns=clock() + number) for number, name in enumerate("abc")]
    listed = await tokens.list()
    assert [token.subject for token in listed] == ["a", "b", "c"]
    assert all(text.split("_", 2)[2] not in repr(token) for token, (_, text) in zip(listed, made, strict=True))


async def test_revoking_what_never_was_says_so(tokens, clock):
    assert await tokens.revoke("nothing", now_ns=clock()) is False
