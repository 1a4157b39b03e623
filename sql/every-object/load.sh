#!/bin/sh
# Loads the schema of every object type into an empty database.
#
#   sql/every-object/load.sh [--small] [--optional] VERSION PSQL_ARGUMENT...
#   sql/every-object/load.sh [--small] [--optional] PSQL_ARGUMENT... VERSION
#
#   VERSION         the server's major version: 15, 16, 17, 18
#   PSQL_ARGUMENT   a connection URL, or psql's options (-h … -d …)
#   --small         no wide values: for fixtures
#   --optional      also objects that only some servers support: contrib extensions, ICU, LZ4, XML
#
#   PSQL            the psql to call (default psql)
#   DATA=no         no rows
#   FOREIGN=no      neither foreign data nor publications and subscriptions
#                   (a database with subscriptions cannot be dropped before they are dropped)
#
# Run it as a superuser. It creates missing roles in the cluster.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
small=false optional=false
while :; do
    case ${1:-} in
        --small) small=true ;;
        --optional) optional=true ;;
        *) break ;;
    esac
    shift
done
if [ $# -lt 2 ]; then
    sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
case $1 in
    1[5-9]) ;;
    *)
        # The version comes last: turn the arguments until it is first.
        count=$#
        while [ $count -gt 1 ]; do
            set -- "$@" "$1"
            shift
            count=$((count - 1))
        done
        ;;
esac
version=$1
shift
case $version in
    1[5-9]) ;;
    *) printf 'load.sh: unknown version %s\n' "$version" >&2; exit 2 ;;
esac

psql=${PSQL:-psql}
load() {
    file=$1
    shift
    "$psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set small="$small" \
        --output /dev/null --file "$here/$file" "$@"
}
# Whether the server answers true to a query.
has() {
    query=$1
    shift
    [ "$("$psql" --no-psqlrc --tuples-only --no-align --command "SELECT $query" "$@")" = t ]
}

load roles.sql "$@"
load types.sql "$@"
load tables.sql "$@"
load code.sql "$@"
[ "${FOREIGN:-yes}" = no ] || load foreign.sql "$@"
for since in 16 17 18; do
    [ "$version" -lt $since ] || load since-$since.sql "$@"
done
if [ $optional = true ]; then
    ! has "count(*) = 3 FROM pg_available_extensions WHERE name IN ('pg_trgm', 'hstore', 'citext')" "$@" \
        || load optional/extensions.sql "$@"
    ! has "EXISTS (SELECT FROM pg_collation WHERE collname = 'fr-x-icu')" "$@" || load optional/icu.sql "$@"
    ! has "'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'" "$@" \
        || load optional/lz4.sql "$@"
    ! has "setting <> '' FROM pg_config WHERE name = 'CONFIGURE' AND setting LIKE '%with-libxml%'" "$@" \
        || load optional/xml.sql "$@"
fi
[ "${DATA:-yes}" = no ] || load data.sql "$@"
load finish.sql "$@"
