-- Only if the server is built with LZ4.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE TABLE every.with_lz4 (note text COMPRESSION lz4);
INSERT INTO every.with_lz4 VALUES (repeat('lz4 ', 5000));
CREATE MATERIALIZED VIEW every.matview_with_lz4 AS SELECT note FROM every.with_lz4;
ALTER MATERIALIZED VIEW every.matview_with_lz4 ALTER COLUMN note SET COMPRESSION lz4;
