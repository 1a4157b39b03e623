-- Features new in PostgreSQL 16.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET client_encoding = 'UTF8';

CREATE TABLE every.since_16 (
    id integer DEFAULT 0x_FF,
    big bigint DEFAULT 1_000_000,
    document text STORAGE EXTERNAL COMPRESSION pglz CHECK (document IS JSON OBJECT WITH UNIQUE KEYS),
    object json DEFAULT JSON_OBJECT('a' VALUE 1, 'b' VALUE NULL ABSENT ON NULL RETURNING json),
    list jsonb DEFAULT JSON_ARRAY(1, 'two' RETURNING jsonb)
);
CREATE VIEW every.since_16_view AS
    SELECT JSON_OBJECTAGG(id : value ABSENT ON NULL) AS object, JSON_ARRAYAGG(value ORDER BY id RETURNING jsonb) AS list,
           any_value(value) AS any, count(*) FILTER (WHERE value IS JSON SCALAR) AS scalars
    FROM every.texts;
-- a subquery without alias
CREATE VIEW every.since_16_no_alias AS SELECT * FROM (SELECT id FROM every.texts);
CREATE TABLE every.brin_multi (id integer, at timestamptz);
CREATE INDEX brin_multi_index ON every.brin_multi USING brin (at timestamptz_minmax_multi_ops, id int4_bloom_ops);
SET client_min_messages = error;
CREATE SUBSCRIPTION nocturne_since_16 CONNECTION 'dbname=nowhere' PUBLICATION any_origin
    WITH (connect = false, slot_name = NONE, origin = none, password_required = false, run_as_owner = true, streaming = parallel);
CREATE FUNCTION every.since_16_system_user() RETURNS text RETURN SYSTEM_USER;
INSERT INTO every.since_16 (document) VALUES ('{"a": 1}');
