"""The dashboard's keys; each has an id, so that it can be moved, and a tooltip, which the help shows."""

from textual.binding import Binding, BindingType

DASHBOARD_BINDINGS: list[BindingType] = [
    Binding("s", "act('start')", "start", id="job.start", tooltip="Start the job, or the marked ones"),
    Binding("c", "act('complete')", "complete", id="job.complete", tooltip="Complete the job, or the marked ones"),
    Binding("f", "act('fail')", "fail", id="job.fail", tooltip="Fail the job, or the marked ones, with a text"),
    Binding(
        "r",
        "act('retry')",
        "retry",
        show=False,
        id="job.retry",
        tooltip="Queue a failed job, or the marked ones, anew",
    ),
    Binding("n", "act('create')", "new", id="job.new", tooltip="Queue a new job"),
    Binding("d,delete", "act('delete')", "delete", id="job.delete", tooltip="Delete the job, or the marked ones"),
    Binding("U", "want('undo')", "Undo", show=False, id="job.undo", tooltip="Make again what was deleted last"),
    Binding("A", "want('all')", "Choose all", show=False, id="list.choose_all", tooltip="Choose all jobs that match"),
    Binding("y", "copy_id", "Copy id", show=False, id="job.copy_id", tooltip="Copy the job's id"),
    Binding("Y", "copy_json", "Copy JSON", show=False, id="job.copy_json", tooltip="Copy the job as JSON"),
    Binding("slash", "find", "find", id="list.find", tooltip="Find jobs by a filter"),
    Binding("escape", "leave_find", "Clear find", show=False, id="list.clear", tooltip="Show all rows again"),
    Binding("1", "status(0)", "All jobs", show=False, id="list.all", tooltip="List all statuses"),
    Binding("2", "status(1)", "Queued jobs", show=False, id="list.queued", tooltip="List the queued jobs"),
    Binding("3", "status(2)", "Running jobs", show=False, id="list.running", tooltip="List the running jobs"),
    Binding("4", "status(3)", "Succeeded jobs", show=False, id="list.succeeded", tooltip="List the succeeded jobs"),
    Binding("5", "status(4)", "Failed jobs", show=False, id="list.failed", tooltip="List the failed jobs"),
    Binding("o", "sort", "Sort", show=False, id="list.sort", tooltip="Sort by the next column"),
    Binding("O", "reverse", "Reverse", show=False, id="list.reverse", tooltip="Turn the order around"),
    Binding("equals_sign", "want('exact')", "Count", show=False, id="numbers.exact", tooltip="Count the jobs exactly"),
    Binding("p", "want('project')", "Project", show=False, id="project.pick", tooltip="Find a project by some letters"),
    Binding("P", "want('new_project')", "New project", show=False, id="project.new", tooltip="Create a project"),
    Binding(
        "b",
        "want('budgets')",
        "Budgets",
        show=False,
        id="project.budgets",
        tooltip="Limit what jobs may cost, and see what is left",
    ),
    Binding("tab", "app.focus_next", "Next pane", show=False, id="app.next_pane", tooltip="Go to the next pane"),
]
