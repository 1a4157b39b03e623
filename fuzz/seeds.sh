#!/bin/sh
# Makes the corpus of each target from the small archives in fixtures/.
set -eu
cd "$(dirname "$0")"
fixtures=../fixtures
for target in toc custom tar file directory copy_text codecs inserts script definitions lists logs \
    cron variables; do
    mkdir -p "corpus/$target"
done

for name in empty-pg18-custom-gzip latin1-pg15-custom-gzip latin1-pg18-custom-gzip-utf8 \
    extensions-pg15-custom-gzip extensions-pg17-custom-zstd; do
    cp "$fixtures/$name.dump" "corpus/custom/$name"
    cp "$fixtures/$name.dump" "corpus/toc/$name"
done
# Large objects and lz4 are only in larger archives.
cp "$fixtures/partitions-pg17-custom-none.dump" corpus/custom/partitions-pg17-custom-none
cp "$fixtures/latin1-pg18-directory-gzip/toc.dat" corpus/toc/latin1-pg18-directory-gzip
for name in latin1-pg16-tar-none latin1-pg18-tar-none; do
    cp "$fixtures/$name.tar" "corpus/tar/$name"
    gzip -9nc "$fixtures/$name.tar" >"corpus/tar/$name-gz"
done
tar --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
    -C "$fixtures" -cf - latin1-pg18-directory-gzip |
    gzip -9n >corpus/tar/latin1-pg18-directory-gzip-gz
tar --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner \
    -C "$fixtures" -cf - latin1-pg15-custom-gzip.dump |
    gzip -9n >corpus/tar/latin1-pg15-custom-gzip-gz

printf '\\.\n\n\n' >corpus/copy_text/no-rows
printf '1\ta\n2\t\\N\n\\.\n\n\n' >corpus/copy_text/two-rows
printf '\n\\\\.\n\\.x\n\\.\n\n\n' >corpus/copy_text/rows-like-markers
printf '1\n\\.\n\n\nmore' >corpus/copy_text/data-after-the-marker
printf '1\ta\n2\tb\n' >corpus/copy_text/no-marker

for log in two-runs incomplete midnight bunyan nocturne-text nocturne-json; do
    cp "$fixtures/logs/$log.log" "corpus/logs/$log"
done
gzip -9nc "$fixtures/logs/incomplete.log" >corpus/logs/incomplete-gz
printf '2020-10-22 05:10:00 +0200 CEST [a] Restore done\n\377\000{"fields":{}}\n' >corpus/logs/bytes
printf '9999-12-31 23:59:59.9 -1200 X [a] launching item 18446744073709551615 INDEX \n' >corpus/logs/far

for name in empty-pg18-custom-gzip latin1-pg15-custom-gzip extensions-pg17-custom-zstd; do
    cp "$fixtures/$name.dump" "corpus/file/$name"
done
cp "$fixtures/latin1-pg18-tar-none.tar" corpus/file/latin1-pg18-tar-none

# The target takes the files of a directory as a tar.
tar --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
    -C "$fixtures/latin1-pg18-directory-gzip" -cf corpus/directory/latin1-pg18-gzip .
cp "$fixtures/latin1-pg16-tar-none.tar" corpus/directory/latin1-pg16-none
cp "$fixtures/latin1-pg18-tar-none.tar" corpus/directory/latin1-pg18-none
printf 'not a tar' >corpus/directory/no-tar

printf '1\n-32768\n\\N\n2147483647\n' >corpus/codecs/integers
printf '0.1\n-0\nNaN\n-Infinity\n1e-324\n12345678901234567890.00001\n' >corpus/codecs/numbers
printf 't\nf\n\\N\n' >corpus/codecs/booleans
printf '2026-02-28\n0044-03-15 BC\ninfinity\n294276-12-31\n' >corpus/codecs/dates
printf '2026-11-24 13:00:00.123456+05:30\n0001-01-01 00:00:00+00 BC\n-infinity\n' >corpus/codecs/timestamps
printf '24:00:00\n23:59:59.999999\n12:00:00+15:59:59\n' >corpus/codecs/times
printf '1 year 2 mons -3 days +04:05:06.789\n00:00:00\n-178000000 years\n' >corpus/codecs/intervals
printf '{1,NULL,3}\n{}\n{"a b","\\\\"c",NULL,""}\n[0:1]={1,2}\n{{1},{2}}\n' >corpus/codecs/arrays
printf '{1,2}\n' >corpus/codecs/array
printf '\\\\x00ff\n\\\\x\nab\\\\134\n' >corpus/codecs/bytea
printf 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\n' >corpus/codecs/uuid
printf '192.168.0.1/24\n::ffff:1.2.3.4\nfe80::1/64\n08:00:2b:01:02:03\n' >corpus/codecs/network
printf 'tab\\tnew\\nback\\\\slash\\b\n\\101\n' >corpus/codecs/escapes

printf "INSERT INTO t VALUES (1, 'a;b', E'\\\\'');\nINSERT INTO t VALUES (2);\n\n\n" >corpus/inserts/strings
printf 'INSERT INTO "a;b" VALUES ($$x;$$, $q$;$$q$);\n\n\n' >corpus/inserts/quotes
printf "SELECT 'a\\\\'; --';\n/* ; /* ; */ */ SELECT U&'x'\n'y;';\n" >corpus/inserts/comments
printf "SELECT 'never\n" >corpus/inserts/unfinished
printf "SELECT E'a'\n-- b\n'\\\\'';'\n" >corpus/inserts/continued

printf -- '-- head\nSELECT 1; SELECT\n2;\n/* a */ SELECT 3' >corpus/script/statements
printf -- '-- head\n/* a\n1; b */ SELECT 3;\n' >corpus/script/comment-that-ends-before-a-statement
printf 'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;\n' >corpus/script/atomic
printf 'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);\n\\i x\n' >corpus/script/command
printf 'COPY t FROM stdin;\n1\n\\.\n' >corpus/script/rows
printf 'DO $$BEGIN PERFORM 1; END$$;\n\nBEGIN; COMMIT;\n' >corpus/script/block
printf 'SELECT 1;\n-' >corpus/script/operator-at-the-end

printf 'ALTER TABLE ONLY public.t\n    ADD CONSTRAINT "t;k" PRIMARY KEY (id, "a""b") INCLUDE (c);\n' >corpus/definitions/primary
printf 'ALTER TABLE ONLY public.t\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.u(b) ON DELETE CASCADE DEFERRABLE NOT VALID;\n' >corpus/definitions/foreign
printf 'GRANT ALL ON LARGE OBJECT 77 TO "who else";\nREVOKE SELECT ON LARGE OBJECT 77 FROM PUBLIC;\n' >corpus/definitions/acl
printf 'DROP FUNCTION public.f(integer, text);\n' >corpus/definitions/drop
printf 'COPY public."a b" (id, "x, y") FROM stdin;\n' >corpus/definitions/copy

cp "$fixtures/latin1-pg18-tar-none.list" corpus/lists/listing
printf '3; 0 0 TABLE public t me\n 1\n;2\n5 ; x\n' >corpus/lists/order
printf '{"entries": [{"dump_id": 1}]}\n' >corpus/lists/json
printf '2147483647\n2147483648\n-1\n0\n1\n1\n' >corpus/lists/numbers
printf 'include table public.t\nexclude table_data "a\nb".*\n# x\ninclude schema s\n' >corpus/lists/filter

printf 'a0 3 * * *' >corpus/cron/nightly
printf 'b*/15 0-6,22 1 jan,JUL mon-fri' >corpus/cron/lists
printf 'c@daily' >corpus/cron/word
printf 'd30 2 29 2 *' >corpus/cron/leap
printf 'a5 4 3 2 1 0' >corpus/cron/seconds
printf 'b0 2 31 * 7' >corpus/cron/either

printf 'DATABASE_URL=postgres://me:a-long-password@db.example:5432/shop\nSCHEDULE=0 3 * * *\nSCALINGO_APP=shop\nSCALINGO_API_TOKEN=tk-us-0123456789abcdef\n' >corpus/variables/scalingo
printf 'BACKUP_SOURCE=https://host/b.tar.gz?signature=0123456789abcdef\nNOTIFICATION_URLS=https://hooks.example/secret-0123456789\nSTATUS_TOKEN=0123456789abcdef0123456789abcdef\nPORT=80\n' >corpus/variables/web
printf 'TARGET_DATABASE_URL=host=a,b port=1 password='"'"'a \\'"'"'long one'"'"' user=u\n' >corpus/variables/pairs
printf 'SOURCE_DATABASE_URL=postgres://u:p@[::1]:5433/d?sslmode=verify-full&sslrootcert=system\n' >corpus/variables/uri
