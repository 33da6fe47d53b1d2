"""The lens and the searches on the app's own database, by each way in."""

import pytest

from store.database.database import Database
from store.errors import NoPrivilege
from store.job_list.list_query import ListingQuery, ListQuery, WindowQuery
from store.statistics.totals import NumbersQuery
from store.store import Store
from store.users.actor import ActingUser
from tests.conftest import Conninfo
from tests.hosted.transcript import transcribed
from tests.hosted.ways import Way
from tests.tui.world import ADA, AUTUMN, BEN, TRAIL, World, fill, job_id
from tui.dashboard.users.visibility_text import why_hidden


async def look(store: Store) -> tuple[set[int], int, int]:
    """What of Autumn is hidden, and how much of it is seen and is there."""
    lens = await store.look_through_lens(WindowQuery(listed=ListQuery(project_id=AUTUMN)))
    return {identifier.int >> 96 for identifier in lens.hidden}, lens.seen.number, lens.everything.number


async def test_it_leaves_no_trace(way: Way, world: World) -> None:
    world.job(9, owner=BEN)
    with transcribed(way) as transcript:
        async with Store(Database(way.conninfo)) as operator:
            store = operator.acting_as(ActingUser(id=ADA))
            assert {user.id for user in await operator.find_users("")} == {ADA, BEN}
            assert [job.id for job in (await operator.locate("00000008")).jobs] == [job_id(8)]
            assert [user.id for user in (await operator.locate(str(BEN))).users] == [BEN]
            if way.is_owner:
                assert [user.email for user in await operator.find_users("ADA@")] == ["ada@example.com"]
                assert await look(store) == ({9}, 6, 7)
                window = WindowQuery(listed=ListQuery(project_id=AUTUMN))
                listing = await store.get_listing(ListingQuery(window=window, through_lens=True))
                numbers = await store.get_numbers(NumbersQuery(project_id=AUTUMN))
                assert numbers.statistics is not None
                assert (numbers.statistics.total_count, len(listing.window.jobs)) == (6, 7)
                assert (await store.locate(str(TRAIL))).projects == ()
        said = transcript()

    assert (said.traces, said.complaints, said.writes) == ([], [], 0)


async def test_without_the_right_to_act_as_users_there_is_no_lens(way: Way, world: World) -> None:
    if way.is_owner:
        return
    async with Store(Database(way.conninfo)) as operator:
        with pytest.raises(NoPrivilege):
            await operator.acting_as(ActingUser(id=ADA)).look_through_lens(WindowQuery())


async def test_where_new_tables_grant_nothing(ungranted_database: Conninfo) -> None:
    world = World(ungranted_database)
    fill(world)
    world.close()
    async with Store(Database(ungranted_database)) as operator:
        store = operator.acting_as(ActingUser(id=ADA))
        lens = await store.look_through_lens(WindowQuery(listed=ListQuery(project_id=AUTUMN)))
        assert (len(lens.hidden), lens.everything.number, lens.rules.is_granted) == (6, 6, False)
        assert "no grant" in why_hidden(lens.rules)
