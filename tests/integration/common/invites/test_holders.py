from __future__ import annotations

import asyncio

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import DropmeshError
from services.common.invites.holders import Holders
from services.common.invites.pin import new_pin
from services.common.invites.store import Invite, new_secret
from tests.support.media_mesh import MediaMesh


async def link_with_pin(mesh: MediaMesh) -> str:
    secret, secret_sha256 = new_secret()
    end_ns = mesh.clock() + 10**15
    await mesh.invites.insert(Invite("inv", "ann", "", secret_sha256, mesh.clock(), end_ns, pin=new_pin("4711")))
    return f"inv.{secret}"


async def answer(holders: Holders, link: str, pin: str | None) -> str:
    try:
        await holders.admit(link, pin)
    except DropmeshError as error:
        return reasons.ErrorReason.Name(error.reason)
    return "admitted"


async def test_a_pin_is_asked_for_and_checked(each_mesh: MediaMesh) -> None:
    link, holders = await link_with_pin(each_mesh), Holders(each_mesh.invites, each_mesh.clock)
    assert await answer(holders, link, None) == "INVITE_PIN_MISSING"
    assert await answer(holders, link, "4712") == "INVITE_PIN_WRONG"
    assert await answer(holders, link, "4711") == "admitted"
    assert await answer(holders, "inv.wrong", "4711") == "INVITE_NOT_FOUND"


async def test_wrong_pins_are_bounded_also_at_once_and_by_several_processes(each_mesh: MediaMesh) -> None:
    mesh = each_mesh
    link = await link_with_pin(mesh)
    processes = [Holders(mesh.invites, mesh.clock) for _ in range(2)]
    tries = [answer(processes[number % 2], link, f"{number:04}") for number in range(20)]
    answers = await asyncio.gather(*tries)
    assert answers.count("INVITE_PIN_WRONG") == 5
    assert answers.count("INVITE_PIN_LOCKED") == 15
    # The right one waits too, and each further wrong one makes the wait longer.
    assert await answer(processes[0], link, "4711") == "INVITE_PIN_LOCKED"
    mesh.clock.advance(61)
    assert await answer(processes[0], link, "0000") == "INVITE_PIN_WRONG"
    mesh.clock.advance(61)
    assert await answer(processes[0], link, "4711") == "INVITE_PIN_LOCKED"
    mesh.clock.advance(61)
    assert await answer(processes[0], link, "4711") == "admitted"
    assert await answer(processes[0], link, "0001") == "INVITE_PIN_WRONG"


async def test_a_lock_holds_for_a_pin_that_was_right_before_too(each_mesh: MediaMesh) -> None:
    mesh = each_mesh
    link = await link_with_pin(mesh)
    processes = [Holders(mesh.invites, mesh.clock) for _ in range(2)]
    for process in processes:
        assert await answer(process, link, "4711") == "admitted"
    for number in range(5):
        assert await answer(processes[0], link, f"{number:04}") == "INVITE_PIN_WRONG"
    for process in processes:
        assert await answer(process, link, "0009") == "INVITE_PIN_LOCKED"
        assert await answer(process, link, "4711") == "INVITE_PIN_LOCKED"
    mesh.clock.advance(61)
    for process in processes:
        assert await answer(process, link, "4711") == "admitted"


async def test_a_pin_that_was_right_before_ends_the_count_of_wrong_ones_after_a_lock(each_mesh: MediaMesh) -> None:
    link, holders = await link_with_pin(each_mesh), Holders(each_mesh.invites, each_mesh.clock)
    assert await answer(holders, link, "4711") == "admitted"
    for _ in range(2):
        for number in range(5):
            assert await answer(holders, link, f"{number:04}") == "INVITE_PIN_WRONG"
        assert await answer(holders, link, "4711") == "INVITE_PIN_LOCKED"
        each_mesh.clock.advance(61)
        assert await answer(holders, link, "4711") == "admitted"


async def test_wrong_pins_at_once_lock_before_a_later_right_one_is_let_in(each_mesh: MediaMesh) -> None:
    link, holders = await link_with_pin(each_mesh), Holders(each_mesh.invites, each_mesh.clock)
    assert await answer(holders, link, "4711") == "admitted"
    tries = [holders.admit(link, f"{number:04}") for number in range(10)]
    *_, last = await asyncio.gather(*tries, holders.admit(link, "4711"), return_exceptions=True)
    assert isinstance(last, DropmeshError)
    assert last.reason == reasons.INVITE_PIN_LOCKED


async def test_the_right_pin_many_times_at_once_locks_nothing(each_mesh: MediaMesh) -> None:
    link, holders = await link_with_pin(each_mesh), Holders(each_mesh.invites, each_mesh.clock)
    for _ in range(2):
        answers = await asyncio.gather(*(answer(holders, link, "4711") for _ in range(20)))
        assert answers == ["admitted"] * 20


@pytest.mark.parametrize("pin", ["4711", "x"])
async def test_without_a_pin_any_word_passes(mesh: MediaMesh, pin: str) -> None:
    secret, secret_sha256 = new_secret()
    await mesh.invites.insert(Invite("inv", "ann", "", secret_sha256, mesh.clock(), mesh.clock() + 10**12))
    assert await answer(Holders(mesh.invites, mesh.clock), f"inv.{secret}", pin) == "admitted"
