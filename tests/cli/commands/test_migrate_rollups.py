"""`gjobs migrate verify --totals` finds wrong rollups, and `repair-rollups` fixes them."""

import pytest

from tests.cli.command_line import Run, UseProfile
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, add


@pytest.fixture(autouse=True)
def verified_database(database: Conninfo, use_profile: UseProfile) -> Conninfo:
    """A database with a job of Ada and one of Ben."""
    use_profile("verified", database)
    with connect(database) as connection:
        for user in (ADA, BEN):
            add(connection, user)
    return database


@pytest.fixture
def inconsistent_rollups(verified_database: Conninfo) -> None:
    """Add jobs that do not exist to Ada's totals and to one of her days."""
    with connect(verified_database, autocommit=True) as connection:
        connection.execute(
            "insert into gjobs.job_totals values"
            " (gen_random_uuid(), %(user)s, %(project)s, 'queued', 'lifestyle', null, false, 1, 5),"
            " (gen_random_uuid(), %(user)s, %(project)s, 'failed', 'lifestyle', 'made up', false, 1, 5)",
            {"user": ADA.id, "project": ADA.project},
        )
        connection.execute(
            "insert into gjobs.job_days values (gen_random_uuid(), %s, %s, '2026-01-01', false, false, 1, 5)",
            [ADA.id, ADA.project],
        )


@pytest.mark.usefixtures("inconsistent_rollups")
def test_verify_finds_wrong_rollups_and_repair_fixes_them(gjobs: Run) -> None:
    found = gjobs("migrate", "verify", "--totals", "--json")
    ids_of_ada = {"user_id": str(ADA.id), "project_id": str(ADA.project), "is_retry": False}
    fake = {"counted_jobs": 0, "kept_jobs": 1, "counted_cents": 0, "kept_cents": 5}
    assert found.code == 8
    assert found.document == {
        "matches": False,
        "count": 3,
        "differences": [
            ids_of_ada | {"kind": "totals", "status": "failed", "mode": "lifestyle", "day": None,
                      "error_group": "made up"} | fake,
            ids_of_ada | {"kind": "totals", "status": "queued", "mode": "lifestyle", "day": None, "error_group": None,
                      "counted_jobs": 1, "kept_jobs": 2, "counted_cents": 250, "kept_cents": 255},
            ids_of_ada | {"kind": "days", "status": None, "mode": None, "day": "2026-01-01",
                      "error_group": None} | fake,
        ],
    }  # fmt: skip
    as_text = gjobs("migrate", "verify", "--totals")
    assert as_text.code == 8
    assert "2026-01-01" in as_text.out
    assert "3 rollups do not match the jobs. 'gjobs migrate repair-rollups --profile verified'" in as_text.err

    assert gjobs("migrate", "repair-rollups", "--yes", "--read-only").code == 6
    assert gjobs("migrate", "verify", "--totals", "--read-only").code == 8
    assert gjobs("migrate", "repair-rollups", "--yes").code == 0
    verified = gjobs("migrate", "verify", "--totals")
    assert (verified.code, verified.out) == (0, "")
    assert verified.err.endswith(").\nThe rollups match the jobs.\n")
    document = {"matches": True, "count": 0, "differences": []}
    assert gjobs("migrate", "verify", "--totals", "--json").document == document
    newest = gjobs("journal", "--json").document[0]
    assert (newest["what"], newest["outcome"]) == ("rebuild the rollups", "done")


def test_fold_moves_all_events_into_the_rollups(gjobs: Run, verified_database: Conninfo) -> None:
    with connect(verified_database, autocommit=True) as connection:
        unfolded = "select unfolded from gjobs.fold_progress"
        assert connection.execute(unfolded).fetchone() == (2,)
        assert gjobs("fold", "--read-only").code == 6
        assert gjobs("fold").err.endswith("2 events folded.\n")
        assert connection.execute(unfolded).fetchone() == (0,)
        assert connection.execute("select sum(job_count) from gjobs.job_totals").fetchone() == (2,)
    assert gjobs("fold", "--json").document == {"folded": 0}
    assert gjobs("migrate", "verify", "--totals").code == 0
