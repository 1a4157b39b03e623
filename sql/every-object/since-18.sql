-- Features new in PostgreSQL 18.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET client_encoding = 'UTF8';

CREATE TABLE every.virtual_columns (
    id integer,
    virtual_column integer GENERATED ALWAYS AS (id * 2) VIRTUAL,
    by_default text GENERATED ALWAYS AS ('id ' || id::text),
    stored_column integer GENERATED ALWAYS AS (id * 3) STORED
);
INSERT INTO every.virtual_columns (id) VALUES (1), (NULL), (-3);
CREATE VIEW every.over_virtual AS SELECT virtual_column, by_default FROM every.virtual_columns WHERE virtual_column > 0;

CREATE TABLE every.not_enforced (
    id integer PRIMARY KEY,
    amount integer,
    other_id integer,
    CONSTRAINT "not enforced; check" CHECK (amount > 0) NOT ENFORCED,
    CONSTRAINT not_enforced_key FOREIGN KEY (other_id) REFERENCES every.not_enforced (id) NOT ENFORCED
);
INSERT INTO every.not_enforced VALUES (1, -5, 999);
COMMENT ON CONSTRAINT not_enforced_key ON every.not_enforced IS 'not enforced';

CREATE TABLE every.temporal (
    id int4range,
    valid_at daterange,
    note text,
    CONSTRAINT temporal_key PRIMARY KEY (id, valid_at WITHOUT OVERLAPS),
    CONSTRAINT temporal_unique UNIQUE (id, valid_at WITHOUT OVERLAPS)
);
CREATE TABLE every.temporal_child (
    id int4range,
    valid_at daterange,
    parent_id int4range,
    CONSTRAINT temporal_child_key PRIMARY KEY (id, valid_at WITHOUT OVERLAPS),
    CONSTRAINT temporal_reference FOREIGN KEY (parent_id, PERIOD valid_at) REFERENCES every.temporal (id, PERIOD valid_at)
);
INSERT INTO every.temporal VALUES ('[1,2)', '[2020-01-01,2021-01-01)', 'a'), ('[1,2)', '[2021-01-01,2022-01-01)', 'b');
INSERT INTO every.temporal_child VALUES ('[9,10)', '[2020-06-01,2021-06-01)', '[1,2)');

-- An exclusion constraint of a partitioned table. PostgreSQL 17 has them too, but its
-- servers refuse to attach the index on restore ("The index definitions do not match").
CREATE TABLE every.excluded_partitioned (
    span int4range NOT NULL,
    other integer,
    CONSTRAINT excluded_in_partitions EXCLUDE USING gist (span WITH =, int4range(other, other + 1) WITH &&)
) PARTITION BY RANGE (span);
CREATE TABLE every.excluded_partition PARTITION OF every.excluded_partitioned DEFAULT;
INSERT INTO every.excluded_partitioned VALUES ('[1,2)', 1), ('[1,2)', 2);

-- named NOT NULL constraints
CREATE TABLE every.not_nulls (
    a integer CONSTRAINT "a; not null" NOT NULL,
    b integer CONSTRAINT b_not_inherited NOT NULL NO INHERIT,
    c integer,
    d integer NOT NULL
);
INSERT INTO every.not_nulls VALUES (1, 2, NULL, 4);
ALTER TABLE every.not_nulls ADD CONSTRAINT c_not_valid NOT NULL c NOT VALID;
CREATE TABLE every.not_nulls_child (CONSTRAINT d_child NOT NULL d) INHERITS (every.not_nulls);
COMMENT ON CONSTRAINT "a; not null" ON every.not_nulls IS 'a NOT NULL constraint';
COMMENT ON CONSTRAINT c_not_valid ON every.not_nulls IS 'a NOT NULL constraint, not valid';

-- a foreign key, not valid, from a partitioned table
CREATE TABLE every.partitioned_reference (id integer, texts_id integer) PARTITION BY RANGE (id);
CREATE TABLE every.partitioned_reference_1 PARTITION OF every.partitioned_reference FOR VALUES FROM (0) TO (100);
ALTER TABLE every.partitioned_reference ADD CONSTRAINT partitioned_not_valid FOREIGN KEY (texts_id) REFERENCES every.texts (id) NOT VALID;

CREATE TABLE every.since_18_defaults (id uuid DEFAULT uuidv7());
CREATE FUNCTION every.returning_old_new(wanted integer, note text) RETURNS TABLE (before text, after text)
BEGIN ATOMIC
    UPDATE every.texts SET value = note WHERE id = wanted RETURNING WITH (OLD AS o, NEW AS n) o.value, n.value;
END;
CREATE PUBLICATION nocturne_generated FOR TABLE every.columns WITH (publish_generated_columns = stored);
CREATE INDEX since_18_gin ON every.indexed USING gin (tags) WITH (fastupdate = on, gin_pending_list_limit = 128);
