"""The poll loop: numbered pages, one question in flight, another question at once, slower while it fails."""

import asyncio
from datetime import timedelta

from store.errors import Unreachable
from store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from store.job_list.listing import Listing
from store.poller import Poller, PollResult
from store.store import Store
from tests.store.feeding import NEVER, SOON, ControlledSource, Reader, Time, ticking
from tests.store.support import NOW, MakeJob, MakeProject, until


async def test_poll_results_are_numbered_dated_and_timed(source: ControlledSource) -> None:
    reader = Reader(Poller(source.fetch, "q", interval=SOON, clock=ticking()))
    pages = [await reader.next_page() for _ in range(3)]
    assert [page.number for page in pages] == [1, 2, 3]
    assert {page.generation for page in pages} == {1}
    assert [page.value for page in pages] == ["q!"] * 3
    assert [page.fetched_at for page in pages] == [NOW + timedelta(seconds=second) for second in range(3)]
    assert all(0 <= page.duration < 1 for page in pages)
    assert source.most_in_flight == 1


async def test_new_query_cancels_the_running_poll_and_drops_its_result(source: ControlledSource) -> None:
    poller = Poller(source.fetch, "old", interval=NEVER)
    reader = Reader(poller)
    source.gate.clear()
    waiting = asyncio.ensure_future(reader.next_page())
    await source.reached.wait()
    poller.ask("new")
    await until(lambda: source.asked == ["old", "new"])
    source.gate.set()
    page = await waiting
    assert (page.number, page.generation, page.value) == (1, 2, "new!")
    assert (source.asked, source.cancelled, source.most_in_flight) == (["old", "new"], 1, 1)
    assert (poller.query, poller.generation) == ("new", 2)


async def test_only_the_last_of_several_new_queries_is_polled(source: ControlledSource) -> None:
    poller = Poller(source.fetch, "a", interval=NEVER)
    reader = Reader(poller)
    await reader.next_page()
    for question in "bcd":
        poller.ask(question)
    page = await reader.next_page()
    assert (page.generation, page.value) == (4, "d!")
    assert source.asked == ["a", "d"]


async def test_result_that_arrives_after_a_new_query_is_dropped(source: ControlledSource) -> None:
    async def fetch(question: str) -> str:
        if question == "old":
            poller.ask("new")
        return await source.fetch(question)

    poller = Poller(fetch, "old", interval=NEVER)
    page = await Reader(poller).next_page()
    assert (page.number, page.generation, page.value) == (1, 2, "new!")


async def test_failure_that_arrives_after_a_new_query_is_dropped(source: ControlledSource) -> None:
    source.failures = [Unreachable("away")]

    async def fetch(question: str) -> str:
        if question == "old":
            poller.ask("new")
        return await source.fetch(question)

    poller = Poller(fetch, "old", interval=NEVER)
    page = await Reader(poller).next_page()
    assert (page.number, page.generation, page.value) == (1, 2, "new!")


async def test_paused_poller_polls_only_on_request(source: ControlledSource) -> None:
    poller = Poller(source.fetch, "q", interval=SOON)
    reader = Reader(poller)
    await reader.next_page()
    poller.pause()
    assert poller.paused
    waiting = await reader.nothing_comes()
    poller.interval = SOON / 2
    await asyncio.sleep(20 * SOON)
    assert not waiting.done()
    poller.refresh()
    assert (await waiting).number == 2
    waiting = await reader.nothing_comes()
    poller.ask("r")
    assert (await waiting).generation == 2
    waiting = await reader.nothing_comes()
    poller.resume()
    assert not poller.paused
    assert (await waiting).number == 4
    assert (await reader.next_page()).number == 5


async def test_pausing_stops_the_current_wait(source: ControlledSource) -> None:
    time = Time()
    poller = Poller(source.fetch, "q", interval=20.0)
    reader = Reader(poller)
    await reader.next_page()
    waiting = await reader.nothing_comes()
    poller.pause()
    await time.passes(40.0)
    assert not waiting.done()
    poller.resume()
    assert (await waiting).number == 2


async def test_refresh_during_a_poll_starts_one_more_poll_afterwards(source: ControlledSource) -> None:
    poller = Poller(source.fetch, "q", interval=NEVER)
    reader = Reader(poller)
    source.gate.clear()
    waiting = asyncio.ensure_future(reader.next_page())
    await source.reached.wait()
    poller.refresh()
    poller.refresh()
    source.gate.set()
    assert (await waiting).number == 1
    assert (await reader.next_page()).number == 2
    (await reader.nothing_comes()).cancel()
    assert (source.most_in_flight, source.cancelled) == (1, 0)


async def test_shorter_interval_applies_to_the_current_wait(source: ControlledSource) -> None:
    poller = Poller(source.fetch, "q", interval=NEVER)
    reader = Reader(poller)
    await reader.next_page()
    waiting = await reader.nothing_comes()
    poller.interval = SOON
    assert (await waiting).number == 2
    poller.interval = NEVER
    (await reader.nothing_comes()).cancel()
    assert poller.interval == NEVER


async def test_poll_result_reports_whether_it_changed(source: ControlledSource) -> None:
    answers = iter(["a", "a", "b", "b"])

    async def fetch(question: str) -> str:
        return next(answers)

    poller = Poller(fetch, "q", interval=SOON)
    reader = Reader(poller)
    assert [(await reader.next_page()).is_changed for _ in range(3)] == [True, False, True]
    poller.ask("the same answer to another question")
    assert (await reader.next_page()).is_changed


async def test_poll_result_after_a_failure_is_compared_with_the_last_result(source: ControlledSource) -> None:
    reader = Reader(Poller(source.fetch, "q", interval=SOON))
    await reader.next_page()
    source.failures = [Unreachable("away")]
    await reader.next_failure()
    assert not (await reader.next_page()).is_changed


async def test_poller_reports_changes_made_by_another_process(
    ada: Store, make_project: MakeProject, make_job: MakeJob
) -> None:
    """What another process changes arrives by itself."""
    project_id, other_id = make_project(), make_project()
    poller: Poller[ListingQuery, Listing] = Poller(ada.get_listing, ListingQuery(), interval=SOON)
    pages = poller.results()

    async def until_seen(jobs: int) -> PollResult[Listing]:
        async with asyncio.timeout(60):
            async for page in pages:
                assert isinstance(page, PollResult)
                if len(page.value.window.jobs) == jobs:
                    return page
        raise AssertionError

    first = await until_seen(0)
    make_job(project_id)
    second = await until_seen(1)
    assert second.number > first.number
    poller.ask(ListingQuery(window=RowWindowQuery(listed=ListQuery(project_id=other_id))))
    assert (await until_seen(0)).generation == 2
