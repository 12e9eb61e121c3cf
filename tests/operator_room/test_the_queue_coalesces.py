"""The work queue, by a clock that the test holds."""

import asyncio

from konstruct_operator.reconcile.queue import CoalescingQueue, Key

ACME = Key("Tenant", "acme")
OTHER = Key("Tenant", "other")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def queue_and_clock() -> tuple[CoalescingQueue, Clock]:
    clock = Clock()
    return CoalescingQueue(clock=clock, jitter=lambda: 0.5), clock


async def take(queue: CoalescingQueue) -> Key | None:
    try:
        return await asyncio.wait_for(queue.take(), 0.01)
    except TimeoutError:
        return None


async def test_a_key_asked_for_often_is_worked_on_once() -> None:
    queue, _ = queue_and_clock()
    for _ in range(100):
        queue.put(ACME)
    assert await take(queue) == ACME
    queue.done(ACME)
    assert await take(queue) is None


async def test_a_key_asked_for_while_worked_on_is_worked_on_once_more_and_never_twice_at_once() -> (
    None
):
    queue, _ = queue_and_clock()
    queue.put(ACME)
    assert await take(queue) == ACME
    queue.put(ACME)
    queue.put(ACME)
    assert await take(queue) is None
    queue.done(ACME)
    assert await take(queue) == ACME
    queue.done(ACME)
    assert await take(queue) is None


async def test_a_failed_key_comes_back_after_a_growing_pause() -> None:
    queue, clock = queue_and_clock()
    queue.put(ACME)
    pauses = []
    for _ in range(6):
        assert await take(queue) == ACME
        queue.done(ACME, failed=True)
        began = clock.now
        while len(queue) and not queue.due():
            clock.now += 0.25
        pauses.append(clock.now - began)
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]


async def test_a_success_forgets_the_failures_before_it() -> None:
    queue, clock = queue_and_clock()
    queue.put(ACME)
    for _ in range(5):
        await take(queue)
        queue.done(ACME, failed=True)
        clock.now += 100
    await take(queue)
    queue.done(ACME)
    queue.put(ACME)
    await take(queue)
    queue.done(ACME, failed=True)
    clock.now += 0.25
    assert await take(queue) == ACME


async def test_an_earlier_wish_stands_and_a_later_one_waits() -> None:
    queue, clock = queue_and_clock()
    queue.put(ACME, after=30)
    assert await take(queue) is None
    queue.put(ACME)
    queue.put(ACME, after=60)
    assert await take(queue) == ACME
    queue.done(ACME)
    clock.now = 100
    assert await take(queue) is None


async def test_keys_come_in_the_order_in_which_they_are_due() -> None:
    queue, clock = queue_and_clock()
    queue.put(ACME, after=10)
    queue.put(OTHER, after=5)
    clock.now = 20
    assert [await take(queue), await take(queue)] == [OTHER, ACME]
    assert len(queue) == 0


async def test_a_worker_ends_when_it_is_cancelled_at_the_moment_a_key_arrives() -> None:
    queue = CoalescingQueue()
    for _ in range(50):
        queue.put(ACME, after=3600)
        worker = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        queue.put(OTHER, after=3600)
        worker.cancel()
        done, _pending = await asyncio.wait([worker], timeout=1)
        assert done


async def test_a_key_that_is_given_back_comes_later_and_its_failures_still_count() -> None:
    queue, clock = queue_and_clock()
    queue.put(ACME)
    assert await take(queue) == ACME
    queue.done(ACME, failed=True)
    clock.now += 0.25
    assert await take(queue) == ACME
    queue.put(OTHER)
    queue.defer(ACME, after=0.1)
    assert await take(queue) == OTHER
    assert await take(queue) is None
    clock.now += 0.1
    assert await take(queue) == ACME
    queue.done(ACME, failed=True)
    clock.now += 0.49
    assert await take(queue) is None
    clock.now += 0.01
    assert await take(queue) == ACME
