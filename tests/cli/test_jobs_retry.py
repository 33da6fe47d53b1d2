"""`gjobs jobs retry`: a failed job stays as it is, and a new one names it."""

import pytest

from tests.cli.support import Run
from tests.cli.world import FAILED, NOBODY, QUEUED

pytestmark = pytest.mark.usefixtures("url")


def test_retry_links_the_new_job_and_the_failed_one(gjobs: Run) -> None:
    (done,) = gjobs("jobs", "retry", str(FAILED), "--json").document
    new = done["job"]
    assert (done["repeats"], done["applied"], done["repeated_by"]) == (str(FAILED), True, None)
    assert (new["status"], new["mode"], new["retry_count"]) == ("queued", "feature_callout", 1)
    assert gjobs("jobs", "show", new["id"], "--json").document["repeats"] == str(FAILED)
    assert gjobs("jobs", "show", str(FAILED), "--json").document["repeated_by"] == [new["id"]]
    assert f"repeats      {FAILED}" in gjobs("jobs", "show", new["id"]).out
    assert f"repeated by  {new['id']}" in gjobs("jobs", "show", str(FAILED)).out


def test_retry_requires_again_to_repeat_a_retried_job(gjobs: Run) -> None:
    (first,) = gjobs("jobs", "retry", str(FAILED), "--json").document
    refused = gjobs("jobs", "retry", str(FAILED))
    assert (refused.code, refused.out) == (1, "")
    by = first["job"]["id"]
    assert refused.err == f"The job {FAILED} is repeated by {by} by now. Add --again to repeat it once more.\n"
    assert gjobs("jobs", "retry", str(FAILED), "--again").code == 0


def test_retry_reports_each_job_that_cannot_be_retried(gjobs: Run) -> None:
    done = gjobs("jobs", "retry", str(FAILED), str(QUEUED), str(NOBODY))
    assert done.code == 1
    _, row = done.out.splitlines()
    assert row.endswith("Autumn catalog")
    assert done.err.splitlines() == [
        f"Only a failed job can be repeated; {QUEUED} is queued.",
        f"There is no job {NOBODY}, or none that this user sees.",
    ]
