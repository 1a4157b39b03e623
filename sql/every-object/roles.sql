-- The roles that the schema needs. Roles belong to the whole cluster and are not part of
-- an archive: run this before restoring too. Running it twice is harmless.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I', name) AS statement
FROM unnest(ARRAY[
    'nocturne_owner',
    'nocturne_writer',
    'nocturne-reader',
    'Nocturne Auditor',
    'nocturne "quoted" role',
    'nocturne''s apostrophe',
    'nocturne_superuser'
]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- Owners of foreign data wrappers, event triggers and publications of all tables.
ALTER ROLE nocturne_superuser SUPERUSER NOLOGIN;
-- Allows restores by a plain owner without superuser.
ALTER ROLE nocturne_owner LOGIN;
