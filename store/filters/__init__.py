"""The grammar by which jobs are found: from text to a `JobFilter` and back, and completion while typing. Pure.

`status:failed,running cost:>50 -mode:packaging timeout`: a space is and, a comma is or, a minus negates a term, and a
bare word is looked for in mode, error and ids. `store.filters.keys` has the table of keys.

Importing this package is cheap: each part is imported when it is used."""
