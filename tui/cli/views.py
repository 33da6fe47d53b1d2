"""The views that a command can name."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from store.settings import Settings
from tui.cli.output import say

if TYPE_CHECKING:
    from store.filters import JobFilter


def narrowed(settings: Settings, view: str | None, job_filter: "JobFilter | None") -> "JobFilter":
    """What both find: the view, which may be None, and the filter. Raises InvalidValue where there is no such view."""
    from store.filters import NO_FILTER, JobFilter, parse

    found = job_filter or NO_FILTER
    if view is None:
        return found
    from store.views.model import named
    from store.views.saved import SavedViews, clash_words, clashes, joined

    saved_views, configured = SavedViews(settings.data_dir), settings.configuration.views
    saved = saved_views.read()
    if words := clash_words(tuple(name for name in clashes(configured, saved) if name == view), saved_views.path):
        say(words)
    text = named(view, joined(configured, saved)).text
    return JobFilter(terms=(*parse(text, now=datetime.now(UTC)).terms, *found.terms))
