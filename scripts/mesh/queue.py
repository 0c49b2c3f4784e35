"""Dead letters: messages that the mesh could not handle. Lists them, publishes them again or deletes them."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import timedelta

from scripts.mesh.data_folder import NoCatalog, data_option, open_catalog_of_mesh, settings_of
from services.common.base.errors import DropmeshError
from services.common.base.instants import SECOND_NS
from services.common.queue import DeadLetter, Queue, Topic
from services.common.settings import Settings, SettingsError
from services.common.stores.open import open_queue
from services.common.stores.topics import TOPICS

BY_NAME = {topic.name: topic for topic in TOPICS}
# More dead letters than this are not looked through at once.
MOST = 10_000


def main() -> int:
    """The command line."""
    folder = data_option()
    parser = argparse.ArgumentParser(prog="scripts/queue", description=__doc__, parents=[folder])
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", parents=[folder], help="each dead letter: topic, id, age, attempts, reason")
    listing.add_argument("topic", nargs="?", choices=list(BY_NAME), help="left out: every topic")
    show = commands.add_parser("show", parents=[folder], help="one dead letter, with what its message says")
    show.add_argument("topic", choices=list(BY_NAME))
    show.add_argument("id")
    for command, help_ in (
        ("revive", "publish dead letters again, with their attempts forgotten"),
        ("purge", "delete dead letters for good"),
    ):
        change = commands.add_parser(command, parents=[folder], help=help_)
        change.add_argument("topic", choices=list(BY_NAME))
        which = change.add_mutually_exclusive_group(required=True)
        which.add_argument("--all", action="store_true", help="every one of the topic")
        which.add_argument("ids", nargs="*", metavar="ID", default=[], help="as `list` prints them")
    arguments = parser.parse_args()
    try:
        return asyncio.run(_run(arguments, settings_of(arguments)))
    except (SettingsError, DropmeshError, NoCatalog) as error:
        print(f"scripts/queue: {error}", file=sys.stderr)
        return 1


async def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    catalog = await open_catalog_of_mesh(settings, ())
    try:
        queue = await open_queue(settings, catalog)
        try:
            if arguments.command == "list":
                return await _list(queue, [BY_NAME[arguments.topic]] if arguments.topic else TOPICS)
            if arguments.command == "show":
                return await _show(queue, BY_NAME[arguments.topic], arguments.id)
            return await _change(queue, BY_NAME[arguments.topic], arguments)
        finally:
            await queue.close()
    finally:
        await catalog.close()


async def _list(queue: Queue, topics: Sequence[Topic]) -> int:
    found = [(topic, letter) for topic in topics for letter in await queue.dead_letters(topic, limit=MOST)]
    for topic, letter in found:
        print(f"{topic.name}  {letter.id}  {_age(letter)}  {_attempts(letter)}  {letter.reason}")
    print(f"{len(found)} dead letters" if found else "no dead letters")
    return 0


async def _show(queue: Queue, topic: Topic, key: str) -> int:
    for letter in await queue.dead_letters(topic, limit=MOST):
        if letter.id == key:
            print(f"topic: {topic.name}\nid: {letter.id}\nage: {_age(letter)}\nattempts: {letter.attempts}")
            print(f"reason: {letter.reason}\nmessage:\n{letter.body.decode(errors='replace')}")
            return 0
    print(f"scripts/queue: the topic {topic.name} has no dead letter {key}", file=sys.stderr)
    return 1


async def _change(queue: Queue, topic: Topic, arguments: argparse.Namespace) -> int:
    ids = frozenset(arguments.ids)
    act, done = (queue.revive, "published again") if arguments.command == "revive" else (queue.purge, "deleted")
    count = await act(topic, ids=ids, limit=MOST)
    print(f"{count} dead letters {done}")
    if count < len(ids):
        print(f"scripts/queue: {len(ids) - count} of the ids are not in the topic {topic.name}", file=sys.stderr)
        return 1
    return 0


def _age(letter: DeadLetter) -> str:
    if not letter.dead_since_ns:
        return "age unknown"
    return f"{timedelta(seconds=max(0, time.time_ns() - letter.dead_since_ns) // SECOND_NS)} old"


def _attempts(letter: DeadLetter) -> str:
    return f"{letter.attempts} attempt{'' if letter.attempts == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
