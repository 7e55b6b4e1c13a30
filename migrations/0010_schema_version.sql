-- The service may read which migrations were applied, so that `rollcall doctor` can tell with its rights whether the schema
-- is that of its program. The table is that of the migrator, which made it before the first migration.
GRANT SELECT ON _sqlx_migrations TO rollcall_app;
