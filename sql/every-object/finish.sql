-- Objects to create last: large objects, populated materialized views, privileges.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET client_encoding = 'UTF8';

-- ---------------------------------------------------------------- large objects
SELECT lo_from_bytea(100001, convert_to('a large object: é 🦉' || chr(10) || '\.' || chr(10), 'UTF8'));
SELECT lo_from_bytea(100002, '\x');
-- all bytes, 2.5 MB (40 kB when small), not compressible by repetition alone
SELECT lo_from_bytea(100003, (
    SELECT string_agg(decode(md5(n::text), 'hex'), '' ORDER BY n)
    FROM generate_series(1, CASE WHEN :'small' = 'true' THEN 640 ELSE 160000 END) AS n)
    || (SELECT string_agg(set_byte('\x00', 0, n), '' ORDER BY n) FROM generate_series(0, 255) AS n));
-- sparse: zeros up to its only bytes, over three pages
SELECT lo_from_bytea(100004, '\x');
SELECT lo_put(100004, 20000, 'after a hole');
SELECT lo_from_bytea(4000000000, 'an OID above 2^31');
SELECT lo_from_bytea(200000 + n, convert_to('large object ' || n, 'UTF8')) FROM generate_series(1, 12) AS n;
SELECT format('ALTER LARGE OBJECT %s OWNER TO nocturne_owner', 200000 + n) FROM generate_series(1, 8) AS n \gexec
ALTER LARGE OBJECT 100003 OWNER TO nocturne_writer;
GRANT SELECT ON LARGE OBJECT 100001 TO PUBLIC;
GRANT SELECT, UPDATE ON LARGE OBJECT 100003, 200009 TO "nocturne-reader" WITH GRANT OPTION;
REVOKE ALL ON LARGE OBJECT 200010 FROM CURRENT_USER;
COMMENT ON LARGE OBJECT 100001 IS 'a large object''s comment';
COMMENT ON LARGE OBJECT 200003 IS 'one of a group';

-- ---------------------------------------------------------------- materialized views
REFRESH MATERIALIZED VIEW every.first_matview;
REFRESH MATERIALIZED VIEW every.a_second_matview;
REFRESH MATERIALIZED VIEW every.matview_needs_key;

-- ---------------------------------------------------------------- privileges
GRANT USAGE ON SCHEMA every TO PUBLIC;
GRANT USAGE, CREATE ON SCHEMA "Hyphen-ated Schema" TO "nocturne-reader" WITH GRANT OPTION;
GRANT ALL ON SCHEMA "select" TO "nocturne ""quoted"" role", "nocturne's apostrophe";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO nocturne_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA every TO "nocturne-reader";
GRANT ALL ON TABLE every.texts TO nocturne_owner WITH GRANT OPTION;
SET SESSION AUTHORIZATION nocturne_owner;
GRANT INSERT, DELETE ON TABLE every.texts TO nocturne_writer;
RESET SESSION AUTHORIZATION;
GRANT SELECT ("Camel Case", "quote""d"), INSERT (small), UPDATE ("new
line"), REFERENCES (id) ON every.columns TO "Nocturne Auditor";
GRANT UPDATE (small) ON every.columns TO PUBLIC;
REVOKE ALL ON every.secured FROM nocturne_owner;
GRANT TRIGGER, TRUNCATE, REFERENCES ON every.secured TO nocturne_writer;
GRANT SELECT ON "it's"."o'clock" TO "nocturne ""quoted"" role", "nocturne-reader", PUBLIC;
GRANT USAGE, SELECT ON SEQUENCE every.all_options TO "nocturne-reader";
GRANT UPDATE ON SEQUENCE every."Quoted-sequence" TO PUBLIC;
REVOKE EXECUTE ON FUNCTION every.traps(text, integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION every.traps(text, integer[]) TO "nocturne-reader" WITH GRANT OPTION;
REVOKE ALL ON PROCEDURE every.standard_procedure(integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION every."function; with ""quotes"""(integer, text) TO "nocturne ""quoted"" role";
REVOKE ALL ON FUNCTION every.plain_sum(integer) FROM PUBLIC;
REVOKE USAGE ON TYPE every.mood FROM PUBLIC;
GRANT USAGE ON TYPE every.mood TO "nocturne-reader";
GRANT USAGE ON DOMAIN every.positive TO nocturne_writer WITH GRANT OPTION;
GRANT USAGE ON LANGUAGE "other-plpgsql" TO nocturne_writer;
REVOKE USAGE ON LANGUAGE "other-plpgsql" FROM PUBLIC;
SELECT to_regclass('every.foreign_table') IS NOT NULL AS has_foreign
\gset
\if :has_foreign
GRANT USAGE ON FOREIGN DATA WRAPPER nocturne_wrapper TO nocturne_writer WITH GRANT OPTION;
GRANT USAGE ON FOREIGN SERVER "nocturne server" TO "nocturne-reader";
GRANT SELECT ON every.foreign_table TO nocturne_writer;
\endif
GRANT SELECT (value) ON every.first_matview TO "nocturne's apostrophe";
-- privileges of pg_catalog's own objects are dumped when changed
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC;
GRANT SELECT ON pg_catalog.pg_authid TO "nocturne-reader";

ALTER DEFAULT PRIVILEGES FOR ROLE nocturne_owner IN SCHEMA every GRANT SELECT ON TABLES TO "nocturne-reader";
ALTER DEFAULT PRIVILEGES FOR ROLE nocturne_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE nocturne_owner GRANT USAGE ON SCHEMAS TO nocturne_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE "nocturne-reader" IN SCHEMA "Hyphen-ated Schema" GRANT ALL ON SEQUENCES TO nocturne_writer WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE nocturne_owner REVOKE USAGE ON TYPES FROM PUBLIC;

-- ---------------------------------------------------------------- comments not made elsewhere
COMMENT ON SCHEMA every IS 'every object; ''quoted''';
COMMENT ON SCHEMA "Élèves & écoles 日本語 🦉" IS 'Schéma « élèves » 🦉';
COMMENT ON SCHEMA public IS 'changed';
COMMENT ON SCHEMA "new
line; DROP TABLE x; --" IS 'a name
of two lines';
COMMENT ON EXTENSION plpgsql IS 'changed too';

-- A database-wide setting and comment are dumped with --create only.
SELECT format('ALTER DATABASE %I SET search_path TO public, every', current_database()) \gexec
SELECT format('ALTER ROLE nocturne_writer IN DATABASE %I SET work_mem = ''5MB''', current_database()) \gexec
SELECT format('COMMENT ON DATABASE %I IS %L', current_database(), 'a database''s comment; é') \gexec
SELECT format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO "nocturne-reader" WITH GRANT OPTION', current_database()) \gexec
-- Statistics, which PostgreSQL 18 can dump. Foreign tables are excluded: they have no handler.
ANALYZE every.texts, every.indexed, every.columns, every.by_range, every.by_hash, every.parent, every.first_matview;
