"""How queues, headers and arguments are called in RabbitMQ."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from services.common.queue import Topic

PREFIX = "dropmesh"
HEARTBEAT_SECONDS = 10
# How often the message was claimed, the reason last given, and since when it is a dead letter.
ATTEMPTS, REASON, DEAD_SINCE = "x-attempts", "x-reason", "x-dead-since-ns"
REASON_OF_BROKER = "x-first-death-reason"
# How often the broker took the message back from a connection that ended.
DELIVERIES = "x-delivery-count"
QUORUM: dict[str, str | int] = {"x-queue-type": "quorum"}
# A queue for one length of delay goes away when it was not used for that long.
DELAY_QUEUE_UNUSED = timedelta(minutes=10)


class Names:
    """The names of one mesh, which begin with its prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    @property
    def bell(self) -> str:
        """The exchange whose messages reach every process that listens."""
        return f"{self._prefix}.bell"

    def queue(self, topic: Topic) -> str:
        """Where a topic's messages wait."""
        return f"{self._prefix}.{topic.name}"

    def dead(self, topic: Topic) -> str:
        """Where its dead letters are."""
        return f"{self.queue(topic)}.dead"

    def delayed(self, topic: Topic, milliseconds: int) -> tuple[str, dict[str, str | int]]:
        """A queue from which messages come to the topic's after a delay, and its arguments."""
        arguments = {
            **QUORUM,
            "x-message-ttl": milliseconds,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self.queue(topic),
            "x-expires": milliseconds + DELAY_QUEUE_UNUSED // timedelta(milliseconds=1),
        }
        return f"{self.queue(topic)}.after.{milliseconds}", arguments


def address_and_prefix(url: str) -> tuple[str, str]:
    """The address without `prefix=…` in its query, and the prefix; two meshes on one broker differ in it."""
    parts = urlsplit(url)
    options = {"heartbeat": str(HEARTBEAT_SECONDS), **dict(parse_qsl(parts.query))}
    prefix = options.pop("prefix", PREFIX)
    return urlunsplit(parts._replace(query=urlencode(options))), prefix
