-- Only if the server has the contrib extensions.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE SCHEMA extensions;
CREATE EXTENSION pg_trgm SCHEMA extensions;
CREATE EXTENSION hstore SCHEMA extensions;
CREATE EXTENSION citext;
CREATE TABLE every.with_extensions (id integer PRIMARY KEY, pairs extensions.hstore, name citext UNIQUE, note text);
CREATE INDEX with_extensions_trigram ON every.with_extensions USING gin (note extensions.gin_trgm_ops);
CREATE INDEX with_extensions_hstore ON every.with_extensions USING gist (pairs extensions.gist_hstore_ops);
INSERT INTO every.with_extensions VALUES (1, '"a b"=>"c\"d", e=>NULL', 'NaMe', 'some text');
COMMENT ON EXTENSION pg_trgm IS 'changed by us';
