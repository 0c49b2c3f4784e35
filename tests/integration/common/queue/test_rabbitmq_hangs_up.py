from __future__ import annotations

import pytest
import uvloop

from services.common.base.errors import StoreUnavailable
from services.common.queue.rabbitmq.queue import RabbitQueue
from tests.support.hanging_up import hangs_up


# A connection that was cut while it was made leaves its closing to the garbage collector, which complains.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*Connection.close:pytest.PytestUnraisableExceptionWarning")
def test_a_connection_that_is_closed_before_the_broker_answers_is_an_unavailable_store() -> None:
    async def open_often(url: str) -> None:
        # Where the client meets the end depends on the moment.
        for _ in range(50):
            with pytest.raises(StoreUnavailable):
                await RabbitQueue.open(url)

    with hangs_up() as url:
        # The services' loop, which sees the end sooner.
        uvloop.run(open_often(url))
