"""Messages that the broker delivers ahead for one topic, so that a claim does not wait for a round trip."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from services.common.base.loops import pause
from services.common.queue.rabbitmq.connection import BROKEN

# Messages that are sent together arrive one by one, this close to each other.
TOGETHER_SECONDS = 0.005
# Messages that were not claimed for so long go back to other consumers.
UNCLAIMED_SECONDS = 5.0
# A queue that an operator deleted ends its consumers without a word.
RENEWED_SECONDS = 5.0


class Consumer:
    """A channel over which at most `size` messages are here, claimed or not; the next come as those are acknowledged.

    With a channel of its own, what fails here ends no lease of others.
    """

    def __init__(self, channel: AbstractChannel, size: int) -> None:
        self.size = size
        self.claimed = 0
        self.is_retired = False
        self._channel = channel
        self._cancel: Callable[[], Awaitable[object]] | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the broker has taken everything back."""
        return bool(self._channel.is_closed)

    async def start(self, queue: AbstractQueue, arrived: Callable[[AbstractIncomingMessage, Consumer], None]) -> None:
        """Asks for messages."""

        async def receive(message: AbstractIncomingMessage) -> None:
            arrived(message, self)

        tag = await queue.consume(receive)
        self._cancel = lambda: queue.cancel(tag)

    async def retire(self) -> None:
        """Asks for no more; the channel stays for what is claimed."""
        self.is_retired = True
        with suppress(*BROKEN):
            if self._cancel is not None and not self.is_closed:
                await self._cancel()
            await self.close_unused()

    async def close_unused(self) -> None:
        """Closes the channel of a retired consumer once nothing is claimed over it."""
        if self.is_retired and not self.claimed and not self.is_closed:
            with suppress(*BROKEN):
                await self._channel.close()


class Intake:
    """The messages of a topic that are in this process and not claimed, and the consumers that they come by."""

    def __init__(
        self,
        open_consumer: Callable[[int], Awaitable[tuple[Consumer, AbstractQueue]]],
        renew: Callable[[], Awaitable[bool]],
    ) -> None:
        self._open_consumer = open_consumer
        self._renew = renew
        self._renewed_at = 0.0
        self._consumers: list[Consumer] = []
        self._ready: deque[tuple[AbstractIncomingMessage, Consumer]] = deque()
        self._arrived = asyncio.Event()
        self._wanted = 0
        self._growing = asyncio.Lock()
        self._unclaimed: asyncio.TimerHandle | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def unclaimed(self) -> int:
        """How many messages are here and not claimed."""
        self._forget_closed()
        return len(self._ready)

    async def grow(self, most: int) -> None:
        """Opens a consumer where those that are there could not bring what a claim asks for."""
        async with self._growing:
            self._forget_closed()
            now = asyncio.get_running_loop().time()
            if self._consumers and now - self._renewed_at > RENEWED_SECONDS:
                self._renewed_at = now
                if not await self._renew():
                    for consumer in self._consumers:
                        consumer.is_retired = True
                    self._consumers = []
            free = sum(one.size - one.claimed for one in self._consumers)
            if free < self._wanted + most:
                consumer, queue = await self._open_consumer(most)
                await consumer.start(queue, self._arrive)
                self._consumers.append(consumer)

    async def take(self, most: int, seconds: float) -> list[tuple[AbstractIncomingMessage, Consumer]]:
        """Returns messages as soon as there are any; none after so long, or when a connection was lost."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + seconds
        self._wanted += most
        try:
            while not self.unclaimed and self._consumers and (left := give_up - loop.time()) > 0:
                self._arrived.clear()
                await pause(left, self._arrived)
            came = 0
            while came < self.unclaimed < most:
                came = self.unclaimed
                await asyncio.sleep(TOGETHER_SECONDS)
        finally:
            self._wanted -= most
            if self._unclaimed is not None:
                self._unclaimed.cancel()
            self._unclaimed = loop.call_later(UNCLAIMED_SECONDS, self._retire)
        taken = [self._ready.popleft() for _ in range(min(most, self.unclaimed))]
        for _, consumer in taken:
            consumer.claimed += 1
        return taken

    def wake(self) -> None:
        """Has claims look at once whether they still wait for a connection that is there."""
        self._arrived.set()

    def _arrive(self, message: AbstractIncomingMessage, consumer: Consumer) -> None:
        self._ready.append((message, consumer))
        self._arrived.set()

    def _forget_closed(self) -> None:
        if any(one.is_closed for one in self._consumers):
            self._consumers = [one for one in self._consumers if not one.is_closed]
            self._ready = deque(one for one in self._ready if not one[1].is_closed)

    def _retire(self) -> None:
        if not self._wanted:
            task = asyncio.get_running_loop().create_task(self._give_back())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _give_back(self) -> None:
        consumers, self._consumers = self._consumers, []
        ready, self._ready = self._ready, deque()
        for message, _ in ready:
            with suppress(*BROKEN):
                await message.nack(requeue=True)
        for consumer in consumers:
            await consumer.retire()
