"""The schema's history: one file a revision in `versions`, run by `suite.db.engine`. No alembic.ini is needed."""
