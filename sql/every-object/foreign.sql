-- Foreign data, publications, a subscription. None of it connects anywhere.
\set ON_ERROR_STOP on
SET client_min_messages = error;
SET client_encoding = 'UTF8';

CREATE FOREIGN DATA WRAPPER "nocturne wrapper" OPTIONS (debug 'it''s "true"', "Quoted option" '\');
CREATE FOREIGN DATA WRAPPER nocturne_wrapper NO HANDLER NO VALIDATOR;
ALTER FOREIGN DATA WRAPPER nocturne_wrapper OWNER TO nocturne_superuser;
CREATE SERVER "nocturne server" TYPE 'postgres''s' VERSION '15;' FOREIGN DATA WRAPPER nocturne_wrapper
    OPTIONS (host 'db.example.org', port '5432');
CREATE SERVER plain_server FOREIGN DATA WRAPPER "nocturne wrapper";
ALTER SERVER "nocturne server" OWNER TO nocturne_superuser;
CREATE USER MAPPING FOR PUBLIC SERVER "nocturne server";
CREATE USER MAPPING FOR "nocturne-reader" SERVER "nocturne server" OPTIONS (user 'reader', password 'p''w\;"');
CREATE USER MAPPING FOR nocturne_owner SERVER plain_server OPTIONS (user 'owner');
CREATE FOREIGN TABLE every.foreign_table (
    id integer OPTIONS (column_name 'the "id"') NOT NULL,
    note text DEFAULT 'far' COLLATE "C",
    CONSTRAINT "foreign check" CHECK (id > 0)
) SERVER "nocturne server" OPTIONS (schema_name 'far;', table_name 'it''s');
-- Reading far_parent or half_foreign fails without a handler: read their local leaves.
CREATE TABLE every.far_parent (id integer);
CREATE FOREIGN TABLE every.foreign_child (extra integer) INHERITS (every.far_parent) SERVER plain_server;
CREATE TABLE every.half_foreign (id integer) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE every.foreign_partition PARTITION OF every.half_foreign FOR VALUES FROM (0) TO (10) SERVER plain_server;
CREATE TABLE every.local_partition PARTITION OF every.half_foreign FOR VALUES FROM (10) TO (20);
ALTER FOREIGN TABLE every.foreign_table OWNER TO nocturne_owner;
ALTER FOREIGN TABLE every.foreign_table ALTER COLUMN note SET STATISTICS 10;
CREATE TRIGGER on_foreign AFTER INSERT ON every.foreign_table FOR EACH ROW EXECUTE FUNCTION every.on_change();
COMMENT ON FOREIGN DATA WRAPPER nocturne_wrapper IS 'a foreign data wrapper';
COMMENT ON SERVER "nocturne server" IS 'a server';
COMMENT ON FOREIGN TABLE every.foreign_table IS 'a foreign table';
COMMENT ON COLUMN every.foreign_table.note IS 'a foreign table''s column';

CREATE PUBLICATION nocturne_nothing;
CREATE PUBLICATION "nocturne all tables" FOR ALL TABLES WITH (publish = 'insert, truncate');
-- Column lists and whole schemas cannot be combined.
CREATE PUBLICATION nocturne_filtered FOR TABLE
    every.texts (id, value) WHERE (id > 10),
    every.clustered WHERE (id < 5),
    ONLY every.parent
    WITH (publish = 'insert, update, delete', publish_via_partition_root = true);
CREATE PUBLICATION nocturne_schemas FOR TABLES IN SCHEMA "Hyphen-ated Schema", "it's", TABLE every.by_range;
ALTER PUBLICATION nocturne_schemas OWNER TO nocturne_superuser;
COMMENT ON PUBLICATION nocturne_filtered IS 'a publication';

CREATE SUBSCRIPTION "nocturne subscription"
    CONNECTION 'host=db.example.org dbname=it''s password=secret'
    PUBLICATION one, "Two; ""quoted"""
    WITH (connect = false, enabled = false, slot_name = NONE, create_slot = false,
          binary = true, streaming = on, synchronous_commit = 'off', disable_on_error = true);
COMMENT ON SUBSCRIPTION "nocturne subscription" IS 'a subscription';
