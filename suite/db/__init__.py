"""Where results live. `schema` has the tables, `store` is the only writer, `queries` the only reader.

`engine` opens the database, `outcomes` keeps the per-sample tables beside it.
"""
