-- Extensions, whose comments only their owner may restore.
\set ON_ERROR_STOP on
CREATE SCHEMA extensions;
CREATE EXTENSION pg_trgm SCHEMA extensions;
CREATE EXTENSION hstore SCHEMA extensions;
CREATE EXTENSION citext;
COMMENT ON EXTENSION hstore IS 'changed';
CREATE TABLE people (id serial PRIMARY KEY, name citext UNIQUE, attributes extensions.hstore, note text);
CREATE INDEX people_note ON people USING gin (note extensions.gin_trgm_ops);
INSERT INTO people (name, attributes, note) VALUES ('Zoé', '"a b"=>"c\"d", e=>NULL', 'some text'), ('ABC', '', NULL);
