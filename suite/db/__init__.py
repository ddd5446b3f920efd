"""Where results live. `schema` has the tables, `store` is the only writer, `queries` the only reader.

`engine` opens the database, `outcomes` keeps the per-sample tables beside it, `snapshot` exports, verifies and imports
boards: `contents` says which rows of two databases are the same, `merge`, which only `store` calls, adds the others.
"""
