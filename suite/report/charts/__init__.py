"""Charts: records in, Altair figures out, one file a subject. Nothing here reads a database or draws on a page."""
