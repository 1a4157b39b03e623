-- Rows with every trap of COPY's text format, and of SQL literals.
-- psql variable: small = true for fixtures (no wide values).
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET client_encoding = 'UTF8';
SET TIME ZONE 'UTC';

INSERT INTO every.texts (id, value) VALUES
    (1, NULL),
    (2, ''),
    (3, '\N'),
    (4, '\.'),
    (5, '\\'),
    (6, 'a\b\f\n\r\t\v\1\x41'),
    (7, E'tab\there, and\ttwo'),
    (8, E'new\nline\n\nand an empty one\n'),
    (9, E'carriage\rreturn, CRLF\r\nend\r'),
    (10, E'controls \x01\x02\x07\x08\x0b\x0c\x1b\x1f\x7f end'),
    (11, 'Élève à l''école, œuf, ß, Ω, я'),
    (12, '日本語 العربية עברית हिन्दी'),
    (13, '🦉 👩‍👩‍👧‍👦 🇫🇷 𝔘𝔫𝔦'),
    (14, U&'combining e\0301, no-break\00A0space, zero\200Bwidth, bom \FEFF, line\2028separator, next\0085line'),
    (15, '   blanks before and after   '),
    (16, 'quote '' double " back ` dollar $$ $1 ${x} percent %s %% semicolon ; -- comment /* open'),
    (17, 'null'),
    (18, 'NULL'),
    (19, E'\\.\n'),
    (20, E'before\n\\.\nafter'),
    (21, E'\\.\r\n'),
    (22, '\'),
    (23, E'ends with a tab\t'),
    (24, E'\n'),
    (25, E'\t'),
    (26, E'\\N\t\\N'),
    (27, E'COPY every.texts (id, value) FROM stdin;\n1\tx\n\\.\n'),
    (28, '0'),
    (29, '{"json": "\u00e9\n"}'),
    (30, repeat('\', 101)),
    (31, chr(127) || chr(128) || chr(159) || chr(65535) || chr(1114111)),
    (101, 'beyond the matview');

-- The whole line is the value.
INSERT INTO every.single_text (value) VALUES
    ('\.'), (''), (NULL), ('\N'), ('\'), ('.'), (E'\\.\n\\.'), ('end of data'), (E'\n'), ('\.'), ('--'), (';');

INSERT INTO every.wide (id, value, bytes)
SELECT n, v, b FROM (VALUES
    (1, repeat('0123456789abcdef é\' || chr(9) || chr(10), CASE WHEN :'small' = 'true' THEN 300 ELSE 52000 END), NULL::bytea),
    (2, NULL, (SELECT string_agg(set_byte('\x00', 0, n), '' ORDER BY n) FROM generate_series(0, 255) AS n)),
    (3, '', '\x'),
    -- does not compress
    (4, (SELECT string_agg(md5(n::text), '') FROM generate_series(1, CASE WHEN :'small' = 'true' THEN 40 ELSE 20000 END) AS n),
        (SELECT string_agg(decode(md5(n::text), 'hex'), '') FROM generate_series(1, CASE WHEN :'small' = 'true' THEN 40 ELSE 20000 END) AS n))
) AS rows (n, v, b);

INSERT INTO every.all_types VALUES
(1, true, 32767, 2147483647, 9223372036854775807, 3.4028235e38, 1.7976931348623157e308, 'NaN', 92233720368547758.07,
 'ab', 'x', 'a\b', 'name', 'text',
 '\x00ff5c0a0d09', B'10101', B'1',
 'infinity', '24:00:00', '23:59:59.999999+14:00', 'infinity', 'infinity', '178000000 years',
 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2001:db8::1/64', '2001:db8::/32', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
 '{"a" : 1, "a": "\u00e9\\n", "n": 1.0e5}', '{"b": [1, null, "x\\y"], "a": {"": "\t"}}', '$.a[*] ? (@ > 1)',
 $$'a':1A 'it''s':2B,3 'b\c':4$$, $$'a' & !'b':*A <-> 'c d'$$,
 '(1.5,-2e300)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(2,0))', '<(0,0),5>',
 '[1,5)', 'empty', '(,1.5]', '["2020-01-01 00:00","2021-01-01 00:00")', '[-infinity,infinity]', '(,)',
 '{[1,3),[5,9)}', '{}',
 '{1,NULL,3}', ARRAY['a"b', 'c\d', NULL, 'NULL', 'null', '', '{x,y}', E'new\nline', E'tab\t', '\.', ' s '],
 '{{1,2},{3,4}}', '[0:2]={1,2,3}', ARRAY['{"a": "b\"c"}'::jsonb, NULL],
 4294967295, 'pg_class', 'FFFFFFFF/FFFFFFFF', '18446744073709551615'),
(2, false, -32768, -2147483648, -9223372036854775808, '-Infinity', '-0', '-Infinity', -92233720368547758.08,
 'abcde', '', '', '', '',
 '', B'00000', B'',
 '-infinity', '00:00', '00:00:00-15:59', '-infinity', '-infinity', '-178000000 years -11 mons -5 days -00:00:00.000001',
 '00000000-0000-0000-0000-000000000000', '0.0.0.0', '0.0.0.0/0', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff',
 'null', 'null', 'lax $',
 '', '',
 '(NaN,Infinity)', '{-1,0,0}', '[(-1e-300,0),(0,0)]', '(0,0),(0,0)', '((0,0),(1,1),(2,0))', '((0,0))', '<(1,1),0>',
 'empty', '(,)', '[1.10,1.10]', '(,)', 'empty', '[0044-03-15 BC,2000-01-01)',
 '{(,)}', '{[2020-01-01,2020-02-01)}',
 '{}', '{}', '{}', '[-5:-3]={-1,-2,-3}', '{}',
 0, 1259, '0/0', '0'),
(3, NULL, 0, 0, 0, 'NaN', 'NaN', 'Infinity', 0,
 '', '\', ' blank ', 'a name', 'é',
 '\x5c2e0a', B'11111', B'01010101010101010101',
 '4713-01-01 BC', '12:34:56.789', '12:34:56+00', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999+00', '1 year 2 mons 3 days 04:05:06.789',
 'ffffffff-ffff-ffff-ffff-ffffffffffff', '10.1.2.3/8', '10.1.2.0/24', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00:00:00',
 '[]', '"\u2028\ud83e\udd89"', '$',
 NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(4, NULL, NULL, NULL, NULL, 1e-45, 5e-324, 1e-400, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 '5874897-12-31', NULL, NULL, '0001-12-31 23:59:59.999999 BC', '2024-03-31 01:30:00+00', '00:00:00.000001',
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(5, NULL, NULL, NULL, NULL, 0.1, 0.1, 123456789012345678901234567890.123456789012345678901234567890, 1234.56,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 '2000-02-29', NULL, NULL, '2000-02-29 12:00:00', '1899-12-31 23:50:39+00', '-1 days +02:03:04',
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO every.typed VALUES
    ('it''s "complicated"', ARRAY['', 'été', NULL, 'back\slash']::every.mood[],
     ROW(1, 'a,"b"\c(d)', 'happy', '{1,NULL}', 1.5), ARRAY[ROW(NULL, NULL, NULL, NULL, NULL), ROW(2, '', 'back\slash', '{}', -0.01)]::every.composite[],
     ROW(ROW(3, E'new\nline\ttab', '', NULL, NULL)::every.composite, ARRAY[ROW(4, 'x', 'été', '{1}', 9)]::every.composite[]),
     ROW(5, NULL, NULL, NULL, NULL), '[1.5,Infinity]', '{[1,2),(3,4]}', '[1,3]', '["a ""b""",c\\d)', 'a@example.org', 'é'),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('', '{}', ROW(NULL, NULL, NULL, NULL, NULL), '{}', ROW(NULL, NULL), NULL, 'empty', '{}', 'empty', '(,)', NULL, '');

INSERT INTO every.columns (text_default, "Camel Case", "quote""d", "select", "été 🦉", "back\slash", "new
line", "percent %s")
SELECT 'text ' || n, n + 20, n, n, n, n, n, n FROM generate_series(1, 20) AS n;
INSERT INTO every.columns (text_default, domain_column, array_default) VALUES ('', 4, NULL), (E'a\tb', 6, '{}');
INSERT INTO every.columns (always, by_default) OVERRIDING SYSTEM VALUE VALUES (-7, -8);

INSERT INTO every.no_columns DEFAULT VALUES;
INSERT INTO every.no_columns DEFAULT VALUES;
INSERT INTO every.no_columns DEFAULT VALUES;
INSERT INTO every.only_generated DEFAULT VALUES;
INSERT INTO every.only_generated DEFAULT VALUES;
INSERT INTO every.unlogged (note) VALUES ('not logged'), (NULL);
INSERT INTO every.storage_parameters SELECT n, 'note ' || n FROM generate_series(1, 5) AS n;
INSERT INTO every.other_access_method VALUES (1), (2);
INSERT INTO every.of_type (number, "Quoted ""name""", feeling, list) VALUES (1, 'one', 'sad', '{1,2}');
INSERT INTO every.words VALUES ('w', 'x'), (DEFAULT, NULL), (E'tab\t\\', '');
INSERT INTO every.uses_functions (id) VALUES (DEFAULT), (10), (NULL);

INSERT INTO "Hyphen-ated Schema"."Table ""quoted"" name" ("Text") VALUES ('one'), ('two'), (NULL);
INSERT INTO "with ""double"" quotes".simple VALUES (1);
INSERT INTO "it's"."o'clock" VALUES (1, 'a;b'), (2, 'o''clock');
INSERT INTO "Élèves & écoles 日本語 🦉"."élève" VALUES ('Zoé', '太郎', 1), (NULL, '', NULL);
INSERT INTO "new
line; DROP TABLE x; --"."table
name" VALUES (1, E'\n');
INSERT INTO "back\slash"."back\slash" VALUES ('\'), ('a\nb');
INSERT INTO "select"."table" VALUES (1, 'where');
INSERT INTO public."CamelCase" VALUES (1, '2024-03-31 02:30:00+01'), (2, NULL);
INSERT INTO public.twin VALUES (1), (2);
INSERT INTO every.twin VALUES (3, 'every');
INSERT INTO "Hyphen-ated Schema".twin VALUES ('hyphen');
INSERT INTO every.twins VALUES (4);
INSERT INTO every."a_table_of_sixty_three_bytes_which_is_as_long_as_a_name_may_eve" VALUES (63);

INSERT INTO every.parent VALUES (1, 'parent');
INSERT INTO every.child VALUES (2, 'child', 20);
INSERT INTO every.grandchild (id, extra, other) VALUES (3, 30, 'other');
INSERT INTO every.other_parent VALUES (4, 'four');
INSERT INTO every.stranger VALUES (5, 'stranger');

INSERT INTO every.referenced (id, a, b, parent_id) VALUES (1, 10, 1, NULL), (2, 20, 2, 1), (3, 30, 1, 3);
INSERT INTO every.by_range (id, at, amount, referenced_id)
SELECT n, date '2023-06-01' + n * 20, n % 7, CASE WHEN n % 3 = 0 THEN 1 + n % 2 END FROM generate_series(1, 70) AS n;
INSERT INTO every.by_list SELECT n, (enum_range(NULL::every.mood))[1 + n % 8], (ARRAY['FR', 'BE', 'CH', NULL])[1 + n / 8 % 4] FROM generate_series(0, 40) AS n;
INSERT INTO every.by_hash SELECT n, 'note ' || n FROM generate_series(1, 30) AS n;
INSERT INTO every.by_enum_hash SELECT n, (enum_range(NULL::every.mood))[1 + n % 8] FROM generate_series(0, 30) AS n;
INSERT INTO every.by_expression SELECT n, CASE n % 3 WHEN 0 THEN 'Été ' ELSE 'name ' END || n FROM generate_series(1, 10) AS n;
SELECT to_regclass('every.half_foreign') IS NOT NULL AS has_foreign
\gset
\if :has_foreign
INSERT INTO every.half_foreign VALUES (11), (12);
\endif
INSERT INTO every.referencing (id, referenced_id, a, b, ranged_id, ranged_at)
VALUES (1, 1, 10, 1, 1, '2023-06-21'), (2, 2, 20, 2, NULL, NULL), (3, NULL, NULL, NULL, 5, NULL);
UPDATE every.referenced SET cycle_id = 1 WHERE id = 2;

INSERT INTO every.uniques VALUES (1, -1, 'a', '[1,5)'), (NULL, 2, 'b', '[1,5)'), (2, NULL, NULL, '[5,9)'), (3, 4, NULL, NULL);
INSERT INTO every.clustered SELECT n, 'note ' || (n * 7 % 10) FROM generate_series(1, 10) AS n;
INSERT INTO every.indexed
SELECT n, CASE WHEN n % 5 > 0 THEN 'Name ' || n END, ARRAY['t' || n, 'tag'], jsonb_build_object('n', n, 'l', ARRAY[n]),
    to_tsvector('simple', 'word' || n || ' other'), point(n, -n), tsrange('2020-01-01', timestamp '2020-01-02' + n * interval '1 day'),
    ('10.0.0.' || n)::inet
FROM generate_series(1, 100) AS n;
INSERT INTO every.triggered (id, note) VALUES (1, 'one'), (2, 'two');
UPDATE every.triggered SET note = 'changed' WHERE id = 1;
INSERT INTO every.secured (id, who, note) VALUES (1, 'nocturne_owner', 'mine'), (2, 'nobody', NULL);
INSERT INTO every.forced VALUES (1), (2);

SELECT nextval('every.plain_sequence'), nextval('every.plain_sequence');
SELECT nextval('every.downwards'), nextval('every.downwards');
SELECT nextval('every.big');
SELECT setval('every.all_options', 77, false);
SELECT nextval('every.unlogged_sequence');
