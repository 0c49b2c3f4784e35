"""Answers that follow from the catalog alone: as long as nothing is written to it, each is made once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from google.protobuf.message import Message

from services.common.caching.recent import Recent
from services.common.catalog import Catalog
from services.common.rest.by_hand import ByHand, answer_json
from services.common.rpc.call import Call

Answer = TypeVar("Answer", bound=Message | ByHand)
# What an answer takes in memory, beside its JSON.
TIMES_ITS_JSON = 5


class KeptAnswers:
    """Keeps the answers of reads; where the catalog cannot say whether something was written, none."""

    def __init__(self, catalog: Catalog, recent: Recent) -> None:
        self._catalog = catalog
        self._recent = recent

    async def answer(
        self,
        request: Message,
        call: Call,
        make: Callable[[], Awaitable[Answer]],
        *,
        lasts: Callable[[Answer], bool] = lambda _: True,
        day: str = "",
    ) -> KeptAnswer:
        """The answer to a request, made by `make`; one of which `lasts` says no is made anew each time.

        `day` is the one on which the answer depends besides.
        """
        state = await self._catalog.state()
        # What another caller sees may differ.
        key = (type(request), request.SerializeToString(deterministic=True), call.caller, day)
        kept: KeptAnswer | None = None if state is None else self._recent.get(key)
        if kept is not None:
            if kept.state == state:
                return kept
            self._recent.forget(key)
        answer = await make()
        return KeptAnswer(answer, state, self._recent, key if state is not None and lasts(answer) else None)


class KeptAnswer(ByHand):
    """An answer that is kept, where it has a key, once its JSON was asked for."""

    __slots__ = ("_answer", "_key", "_recent", "_text", "state")

    def __init__(self, answer: Message | ByHand, state: Hashable | None, recent: Recent, key: Hashable | None) -> None:
        self.state = state
        """That of the catalog before the answer was made."""
        self._answer = answer
        self._recent = recent
        self._key = key
        self._text: bytes | None = None

    def message(self) -> Any:
        """The message."""
        return self._answer if isinstance(self._answer, Message) else self._answer.message()

    def json_text(self) -> bytes:
        """See ByHand."""
        if self._text is None:
            self._text = answer_json(self._answer)
            if self._key is not None:
                self._recent.keep(self._key, self, TIMES_ITS_JSON * len(self._text))
        return self._text
