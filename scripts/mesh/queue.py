"""Dead letters: messages that the mesh could not handle. Lists them, publishes them again or deletes them."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

from scripts.mesh.data_folder import NoCatalog, data_option, open_catalog_of_mesh, settings_of
from services.common.base.errors import DropmeshError
from services.common.base.instants import SECOND_NS
from services.common.queue import DeadLetter, Topic
from services.common.settings import PREFIX, Settings, SettingsError
from services.common.stores.open import open_queue
from services.common.stores.topics import TOPICS
from services.processor.classify_queue.dead_letters import CLASSIFICATIONS, ClassificationDeadLetters
from services.processor.classify_queue.profile import load_profile

BY_NAME = {topic.name: topic for topic in (*TOPICS, CLASSIFICATIONS)}
# More dead letters than this are not looked through at once.
MOST = 10_000


class Letters(Protocol):
    """The part of the queue's port that dead letters need."""

    async def dead_letters(self, topic: Topic, /, *, limit: int) -> list[DeadLetter]:
        """See the port."""
        ...

    async def revive(self, topic: Topic, /, *, ids: Collection[str], limit: int) -> int:
        """See the port."""
        ...

    async def purge(self, topic: Topic, /, *, ids: Collection[str], limit: int) -> int:
        """See the port."""
        ...


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
    if arguments.command == "list":
        return await _list(settings, BY_NAME.get(arguments.topic))
    topic = BY_NAME[arguments.topic]
    async with _letters(settings, topic) as letters:
        if arguments.command == "show":
            return await _show(letters, topic, arguments.id)
        return await _change(letters, topic, arguments)


@asynccontextmanager
async def _letters(settings: Settings, topic: Topic) -> AsyncIterator[Letters]:
    """Opens what holds the dead letters of a topic."""
    if topic == CLASSIFICATIONS:
        if not settings.classify_amqp:
            raise SettingsError(f"{PREFIX}CLASSIFY_AMQP is not set: it names the RabbitMQ of the topic {topic.name}")
        requests = ClassificationDeadLetters(settings.classify_amqp, load_profile(settings.classify_profile))
        try:
            yield requests
        finally:
            await requests.close()
        return
    catalog = await open_catalog_of_mesh(settings, ())
    try:
        queue = await open_queue(settings, catalog)
        try:
            yield queue
        finally:
            await queue.close()
    finally:
        await catalog.close()


async def _list(settings: Settings, topic: Topic | None) -> int:
    groups: list[Sequence[Topic]] = [[topic]] if topic else [TOPICS, [CLASSIFICATIONS] * bool(settings.classify_amqp)]
    count = 0
    for topics in filter(None, groups):
        async with _letters(settings, topics[0]) as letters:
            for one in topics:
                for letter in await letters.dead_letters(one, limit=MOST):
                    print(f"{one.name}  {letter.id}  {_age(letter)}  {_attempts(letter)}  {letter.reason}")
                    count += 1
    print(f"{count} dead letters" if count else "no dead letters")
    return 0


async def _show(letters: Letters, topic: Topic, key: str) -> int:
    for letter in await letters.dead_letters(topic, limit=MOST):
        if letter.id == key:
            print(f"topic: {topic.name}\nid: {letter.id}\nage: {_age(letter)}\nattempts: {letter.attempts}")
            print(f"reason: {letter.reason}\nmessage:\n{letter.body.decode(errors='replace')}")
            return 0
    print(f"scripts/queue: the topic {topic.name} has no dead letter {key}", file=sys.stderr)
    return 1


async def _change(letters: Letters, topic: Topic, arguments: argparse.Namespace) -> int:
    ids = frozenset(arguments.ids)
    act, done = (letters.revive, "published again") if arguments.command == "revive" else (letters.purge, "deleted")
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
