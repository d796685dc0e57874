"""Whoever reads the line, its thread or a caller that waits: each answer finds who asked."""

import asyncio
import threading

import pytest

import firmware_bridge as fb
from firmware_bridge.events import Outcome
from tests.link.test_host_thread import ALERT, HOLDS_S, alerts, hold_the_gil


@pytest.fixture(scope="module")
def sim():
    with fb.connect("sim:") as made:
        yield made


async def ask_in_a_row(link, count):
    return [await link.request_async(ALERT, timeout=20) for _ in range(count)]


def ask_in_a_thread(link, count):
    return [link.request(ALERT, timeout=20) for _ in range(count)]


def ask_in_a_loop(link, count):
    return asyncio.run(ask_in_a_row(link, count))


def test_all_ways_to_ask_at_once(sim):
    ended = []

    def ask():
        ended.extend(ask_in_a_thread(sim, 200))

    def ping():
        ended.extend(sim.ping(timeout=20) for _ in range(200))

    def submit():
        ended.extend(sim.submit(ALERT, timeout=20).result(20) for _ in range(200))

    def loop():
        ended.extend(ask_in_a_loop(sim, 200))

    def many():
        records = alerts(sim, 500)
        records["duration_ms"] = 1
        assert (sim.request_many("Alert", records, 20).outcome == Outcome.DONE).all()

    before = sim.stats.requests_sent
    users = [threading.Thread(target=each) for each in (ask, ask, ping, submit, loop, loop, many)]
    for user in users:
        user.start()
    for user in users:
        user.join(60)
    assert len(ended) == 6 * 200
    assert sim.stats.requests_sent - before == 5 * 200 + 500


def test_answer_to_a_loop_that_is_busy_is_taken_by_the_thread(sim):
    async def answers_while_busy(hold_s):
        await ask_in_a_row(sim, 20)  # from here on the loop reads by itself
        before = sim.stats.results_received
        last = asyncio.create_task(sim.request_async(ALERT, timeout=20))
        await asyncio.sleep(0)
        hold_the_gil(hold_s)
        answers = sim.stats.results_received - before
        assert await last
        return answers

    assert 1 in (asyncio.run(answers_while_busy(hold_s)) for hold_s in HOLDS_S)


def test_telemetry_comes_while_nobody_asks_any_more(sim):
    subscription = sim.subscribe("imu")
    ask_in_a_loop(sim, 20)
    ask_in_a_thread(sim, 20)
    taken = subscription.read(5), subscription.read(5)
    assert all(batch is not None for batch in taken)


@pytest.mark.parametrize("ask", [ask_in_a_thread, ask_in_a_loop])
def test_line_that_is_lost_under_a_reading_caller_comes_back(device, ask):
    with fb.connect(device.url) as link:
        ask(link, 20)
        device.hang_up.set()
        ask(link, 20)
        assert link.stats.opens == 2
    assert len(device.executed) == 40


@pytest.mark.parametrize("ask", [ask_in_a_thread, ask_in_a_loop])
def test_closing_ends_a_reading_caller(device, ask):
    with fb.connect(device.url) as link:
        ask(link, 2)
        device.answer = lambda request: None
        threading.Timer(0.1, link.close).start()
        with pytest.raises(fb.LinkClosedError):
            ask(link, 1)
