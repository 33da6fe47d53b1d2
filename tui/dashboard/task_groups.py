"""Names of the groups of Textual's workers. The groups of one dialog are in its module."""

CONNECT, FEED, NUMBERS, CHANGES = "connect", "feed", "numbers", "changes"
FILTER, ORDER, USERS = "filter", "order", "users"
NAMES, HISTORY, DETAILS_PANE, ROW_NOTES = "names", "history", "details pane", "row notes"
DELETED_USER, NOTICES, FOLLOWING, SUSPENSION = "deleted user", "notices", "following", "suspension"

OF_ACTOR = (DETAILS_PANE, ROW_NOTES)
"""Groups that are cancelled with their actor. The next actor may never start them again."""
OF_DATABASE = (*OF_ACTOR, FEED, NUMBERS, CHANGES, NAMES, FILTER, USERS, DELETED_USER, NOTICES)
"""Groups that are cancelled when the user leaves the database."""
WRITES = "writes"
"""Also the group of a write that a form sends."""
