"""Makes, lists and revokes the bearer tokens of a mesh, whether it runs or not."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from datetime import UTC, datetime

from scripts.mesh.data_folder import NoCatalog, data_option, open_catalog_of_mesh, settings_of
from services.common.base.errors import DropmeshError
from services.common.rpc.identity import Scope
from services.common.rpc.tokens import TOKENS, Token, Tokens
from services.common.settings import SettingsError

DAY_NS = 86_400 * 1_000_000_000
MOST_DAYS = 36_500.0
OWNER_ALONE = 0o077


def main() -> int:
    """The command line."""
    folder = data_option()
    parser = argparse.ArgumentParser(prog="scripts/token", description=__doc__, parents=[folder])
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser(
        "create", parents=[folder], help="create a token and print it; it cannot be printed again"
    )
    create.add_argument("subject", type=_subject, help="the owner of everything that is created with the token")
    create.add_argument(
        "--scope", action="append", choices=[scope.value for scope in Scope], help="default: read and write"
    )
    create.add_argument("--days", type=_days, help="days until it expires; by default it never does")
    commands.add_parser("list", parents=[folder], help="every token: id, subject, scopes, state")
    revoke = commands.add_parser("revoke", parents=[folder], help="revoke a token")
    revoke.add_argument("id")
    arguments = parser.parse_args()
    os.umask(OWNER_ALONE)
    try:
        return asyncio.run(_run(arguments))
    except (SettingsError, DropmeshError, NoCatalog) as error:
        print(f"scripts/token: {error}", file=sys.stderr)
        return 1


def _subject(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is not a printable name")
    if "/" in text or "\\" in text:
        # The edge takes neither in a path, not even escaped.
        raise argparse.ArgumentTypeError(f"{text!r} holds a slash; paths such as owners/{{owner}} could not name it")
    return text


def _days(text: str) -> float:
    days = float(text)
    if not abs(days) <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} days is more than the limit of {MOST_DAYS:g} days")
    return days


async def _run(arguments: argparse.Namespace) -> int:
    catalog = await open_catalog_of_mesh(settings_of(arguments), (TOKENS,))
    tokens = Tokens(catalog)
    now_ns = time.time_ns()
    try:
        match arguments.command:
            case "create":
                scopes = tuple(Scope(scope) for scope in arguments.scope or (Scope.READ, Scope.WRITE))
                expires = None if arguments.days is None else now_ns + round(arguments.days * DAY_NS)
                _, text = await tokens.create(arguments.subject, scopes, now_ns=now_ns, expire_time_ns=expires)
                print(text)
            case "list":
                for token in await tokens.list():
                    print(f"{token.id}  {token.subject}  {','.join(token.scopes)}  {_state(token, now_ns)}")
            case _:
                if not await tokens.revoke(arguments.id, now_ns=now_ns):
                    print(f"scripts/token: no token has the id {arguments.id}", file=sys.stderr)
                    return 1
    finally:
        await catalog.close()
    return 0


def _state(token: Token, now_ns: int) -> str:
    if token.revoke_time_ns is not None:
        return f"revoked {_day(token.revoke_time_ns)}"
    if token.expire_time_ns is None:
        return "valid"
    return f"{'expired' if token.expire_time_ns <= now_ns else 'valid until'} {_day(token.expire_time_ns)}"


def _day(instant_ns: int) -> str:
    return datetime.fromtimestamp(instant_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC")


if __name__ == "__main__":
    sys.exit(main())
