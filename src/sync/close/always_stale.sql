-- Views that call volatile functions or read the clock, and those over system catalogs, of which
-- pg_depend has no record (pinned objects, `isObjectPinned` in src/backend/catalog/catalog.c).
    UNION
    SELECT r.ev_class FROM pg_catalog.pg_rewrite r
    WHERE r.ev_class >= 16384 AND (r.ev_action::pg_catalog.text ~ '\{SQLVALUEFUNCTION '
        OR EXISTS (SELECT FROM pg_catalog.regexp_matches(
                r.ev_action::pg_catalog.text, ':funcid ([0-9]+)', 'g') m (f)
            JOIN pg_catalog.pg_proc p ON p.oid = m.f[1]::pg_catalog.oid
            WHERE p.provolatile = 'v' OR (p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
                AND p.proname IN ('now', 'statement_timestamp', 'transaction_timestamp')
                OR p.proname = 'age' AND p.pronargs = 1))
        OR EXISTS (SELECT FROM pg_catalog.regexp_matches(
                r.ev_action::pg_catalog.text, ':relid ([0-9]+)', 'g') m (t)
            WHERE m.t[1]::pg_catalog.int8 BETWEEN 1 AND 16383))
