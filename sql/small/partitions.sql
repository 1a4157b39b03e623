-- Partitioned tables, for dumps with --load-via-partition-root.
\set ON_ERROR_STOP on
CREATE TABLE by_date (id integer NOT NULL, at date NOT NULL, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE by_date_2023 PARTITION OF by_date FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE by_date_2024 PARTITION OF by_date FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY HASH (id);
CREATE TABLE by_date_2024_0 PARTITION OF by_date_2024 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_date_2024_1 PARTITION OF by_date_2024 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE by_date_others PARTITION OF by_date DEFAULT;
CREATE TYPE color AS ENUM ('red', 'green', 'blue');
CREATE TABLE by_color (id integer, color color) PARTITION BY HASH (color);
CREATE TABLE by_color_0 PARTITION OF by_color FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_color_1 PARTITION OF by_color FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE referrer (id integer PRIMARY KEY, date_id integer, at date, FOREIGN KEY (date_id, at) REFERENCES by_date (id, at));
INSERT INTO by_date SELECT n, date '2022-06-01' + n * 5, 'note ' || n FROM generate_series(1, 250) AS n;
INSERT INTO by_color SELECT n, (enum_range(NULL::color))[1 + n % 3] FROM generate_series(1, 100) AS n;
INSERT INTO referrer SELECT n, n, date '2022-06-01' + n * 5 FROM generate_series(1, 50) AS n;
CREATE INDEX by_date_note ON by_date (note);
