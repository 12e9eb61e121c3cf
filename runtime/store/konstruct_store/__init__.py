"""The only door to Postgres: migrations, named SQL, row-level security."""
