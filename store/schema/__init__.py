"""What a database's schema is, beside what a revision promises: object by object, read-only.

`found = read_catalogue(connection)` on a psycopg connection, or `await read_schema(database, actor)` from
`store.schema.queries`; then `compare(found, expected(revision))`."""
