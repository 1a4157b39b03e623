#!/bin/sh
# Makes the corpus of each target from the small archives in fixtures/.
set -eu
cd "$(dirname "$0")"
fixtures=../fixtures
for target in toc custom tar copy_text logs; do mkdir -p "corpus/$target"; done

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
