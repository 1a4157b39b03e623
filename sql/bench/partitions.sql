-- A thousand partitions with a key and two indexes each: nine entries for each of them, most of
-- which take the server less than a round trip.
\set ON_ERROR_STOP on
SELECT set_config('bench.rows', greatest(1, (:scale / 10)::int)::text, false) \g /dev/null
CREATE TABLE event (id bigint NOT NULL, day integer NOT NULL, kind text NOT NULL, note text) PARTITION BY RANGE (day);
ALTER TABLE event ADD CONSTRAINT event_pkey PRIMARY KEY (day, id);
CREATE INDEX event_kind_idx ON event (kind);
CREATE INDEX event_note_idx ON event (note, kind);
-- One transaction per hundred: a single one would exceed the server's lock table.
CREATE PROCEDURE make_partitions() LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1..1000 LOOP
        EXECUTE format('CREATE TABLE event_%1$s PARTITION OF event FOR VALUES FROM (%1$s) TO (%1$s + 1)', n);
        EXECUTE format(
            'INSERT INTO event_%1$s SELECT i, %1$s, md5(i::text), ''note '' || i FROM generate_series(1, %2$s) i',
            n, current_setting('bench.rows'));
        IF n % 100 = 0 THEN COMMIT; END IF;
    END LOOP;
END $$;
CALL make_partitions();
DROP PROCEDURE make_partitions();
