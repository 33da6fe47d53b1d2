"""`gjobs migrate verify --rollups` finds wrong rollups, and `repair-rollups` fixes them."""

from collections.abc import Iterator

import pytest

from gjobs.migrations import rollups
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
def inconsistent_rollups(verified_database: Conninfo) -> Iterator[Conninfo]:
    """Add a job that does not exist to Ada's totals and to one of her days, and a failed job to her waste."""
    with connect(verified_database, autocommit=True) as connection:
        connection.execute(
            "insert into gjobs.job_deltas"
            " select user_id, project_id, status, mode, '2026-01-01', 1, 5 from public.generation_jobs where id = %s",
            [ADA.job],
        )
        connection.execute(
            "insert into gjobs.waste_deltas values (%s, %s, 'lifestyle', '2026-01-02', 'made up', 1, 5)",
            [ADA.id, ADA.project],
        )
        yield verified_database
        # Deleting the jobs would subtract them from the wrong rollups. Truncating empties the rollups, too.
        connection.execute("truncate public.generation_jobs")


@pytest.mark.usefixtures("inconsistent_rollups")
def test_verify_finds_wrong_rollups_and_repair_fixes_them(gjobs: Run) -> None:
    found = gjobs("migrate", "verify", "--rollups", "--json")
    ids_of_ada = {"user_id": str(ADA.id), "project_id": str(ADA.project)}
    fake = {"counted_jobs": 0, "kept_jobs": 1, "counted_cents": 0, "kept_cents": 5}
    assert found.code == 8
    assert found.document == {
        "matches": False,
        "count": 4,
        "differences": [
            ids_of_ada | {"kind": "totals", "status": "queued", "mode": "lifestyle", "day": None, "error_group": None,
                      "counted_jobs": 1, "kept_jobs": 2, "counted_cents": 250, "kept_cents": 255},
            ids_of_ada | {"kind": "days", "status": None, "mode": None, "day": "2026-01-01", "error_group": None,
                      "counted_jobs": 0, "kept_jobs": 1, "counted_cents": 0, "kept_cents": 5},
            ids_of_ada | {"kind": "waste", "status": "failed", "mode": "lifestyle", "day": None,
                      "error_group": "made up"} | fake,
            ids_of_ada | {"kind": "waste days", "status": "failed", "mode": None, "day": "2026-01-02",
                      "error_group": None} | fake,
        ],
    }  # fmt: skip
    as_text = gjobs("migrate", "verify", "--rollups")
    assert as_text.code == 8
    assert "2026-01-01" in as_text.out
    assert "4 rollups do not match the jobs. 'gjobs migrate repair-rollups --profile verified'" in as_text.err

    assert gjobs("migrate", "repair-rollups", "--yes", "--read-only").code == 6
    assert gjobs("migrate", "verify", "--rollups", "--read-only").code == 8
    assert gjobs("migrate", "repair-rollups", "--yes").code == 0
    verified = gjobs("migrate", "verify", "--rollups")
    assert (verified.code, verified.out) == (0, "")
    assert verified.err.endswith(").\nThe rollups match the jobs.\n")
    document = {"matches": True, "count": 0, "differences": []}
    assert gjobs("migrate", "verify", "--rollups", "--json").document == document
    newest = gjobs("journal", "--json").document[0]
    assert (newest["what"], newest["outcome"]) == ("rebuild the rollups", "done")


def test_verify_finds_the_same_differences_in_parts(
    gjobs: Run, inconsistent_rollups: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(inconsistent_rollups, autocommit=True) as connection:
        connection.execute("analyze public.generation_jobs")
    whole = gjobs("migrate", "verify", "--rollups", "--json").document
    monkeypatch.setattr(rollups, "JOBS_A_PART", 1)

    in_parts = gjobs("migrate", "verify", "--rollups", "--json")

    assert in_parts.document == whole
    assert in_parts.err.partition("\n")[2].startswith(
        "Compared 50 % of the projects' jobs.\nCompared 100 % of the projects' jobs.\n"
    )
