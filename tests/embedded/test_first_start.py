"""The cluster's making: by many at once, and interrupted."""

import signal

import pytest

from store.embedded import open_server, server_status
from tests.embedded.support import QUICK, Workbench, kill_all, offspring, query, wait_for


def test_eight_processes_on_an_empty_directory_get_one_server(bench: Workbench) -> None:
    users = [bench.user() for _ in range(8)]
    assert len({user.server_pid() for user in users}) == 1
    with bench.open() as lease:
        assert query(lease, "select count(*) from pg_roles where rolname = 'gjobs'") == 1
    assert [user.leave() for user in users] == [0] * 8
    bench.wait_until_stopped()


@pytest.mark.parametrize("kill_its_children", [False, True], ids=["alone", "with all that it started"])
@pytest.mark.parametrize(
    "milestone",
    [
        "staging-*",
        "staging-*/PG_VERSION",
        "staging-*/base/5",
        "staging-*/base/16*",
        "cluster/postmaster.pid",
    ],
)
def test_a_first_start_killed_at_any_point_is_made_up_for_by_the_next(
    bench: Workbench, milestone: str, kill_its_children: bool
) -> None:
    user = bench.user(start_new_session=True)
    wait_for(milestone, lambda: any(bench.layout.home.glob(milestone)) or bench.postmaster_pid)
    kill_all(offspring(user.process.pid) if kill_its_children else {user.process.pid})

    with bench.open() as lease:
        assert query(lease, "select current_user::text") == "gjobs"
        assert lease.needs_sample
    bench.wait_until_stopped()
    with bench.open():
        assert not any(bench.layout.home.glob("staging-*"))


def test_ctrl_c_in_a_first_start_leaves_nothing_behind(bench: Workbench) -> None:
    user = bench.user()
    wait_for("initdb", lambda: any(bench.layout.home.glob("staging-*/PG_VERSION")))
    assert user.kill(signal.SIGINT) != 0
    assert not any(bench.layout.home.glob("staging-*"))
    assert not bench.layout.cluster.exists()
    bench.wait_until_stopped()


def test_the_first_start_says_what_it_does_and_the_second_is_silent(bench: Workbench) -> None:
    said: list[str] = []
    bench.open(report=said.append).release()
    assert len(said) == 1
    assert said[0].startswith("Unpacking Postgres ")
    bench.open(report=said.append).release()
    assert len(said) == 1


def test_a_report_that_raises_ends_the_start(bench: Workbench) -> None:
    class Cancelled(Exception):
        pass

    def cancel(_: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        open_server(bench.data_dir, report=cancel, settings=QUICK, grace=0.1)
    assert not server_status(bench.data_dir).running
    bench.wait_until_stopped()
