-- Functions, procedures, views, rules, triggers, policies.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET client_encoding = 'UTF8';

-- ---------------------------------------------------------------- functions
-- Bodies with every quoting trap. pg_dump chooses another dollar quote itself.
CREATE FUNCTION every.traps(argument text DEFAULT 'a''b\c', VARIADIC others integer[] DEFAULT '{}')
RETURNS text
LANGUAGE plpgsql
SET search_path TO every, "Hyphen-ated Schema", pg_temp
SET work_mem = '8MB'
SET "custom.setting" = 'it''s; "quoted" \ value'
AS $_$
DECLARE
    dollar text := $$ a dollar quote; in a dollar quote $$;
    named text := $function$ another $inner$ deep $inner$ $function$;
    backslash text := E'\\ \' \n \x41 \u00e9';
    quote text := 'it''s; -- not a comment /* nor this */';
BEGIN
    -- a comment with 'one quote; and $$
    /* a comment /* nested; */ ' " $$ */
    IF argument = '\.' THEN
        EXECUTE 'SELECT ''nested ''''quotes'''''';' || $q$ SELECT 1; $q$;
    END IF;
    RETURN dollar || named || backslash || quote;
END;
/*
COPY every.texts (id, value) FROM stdin;
1	not a row
\.

-- the line above would end a COPY
\restrict abc
\connect other
*/
$_$;
COMMENT ON FUNCTION every.traps(text, integer[]) IS $comment$a comment; with 'quotes', $$dollars$$, \backslashes\
and -- two lines$comment$;

CREATE FUNCTION every.quoted_body() RETURNS text LANGUAGE sql
    AS 'SELECT ''one quote '''' and a backslash \ and $$ and $_$ and $function$''::text';
CREATE FUNCTION every."function; with ""quotes"""("argument's name" integer, OUT "out put" integer, INOUT "both" text)
    LANGUAGE sql AS $$ SELECT 1, 'b' $$;
CREATE FUNCTION every.crlf() RETURNS text LANGUAGE plpgsql AS E'BEGIN\r\n  RETURN ''line\r\nline'';\r\nEND;\r\n';
CREATE FUNCTION every.returns_table(n integer) RETURNS TABLE (id integer, name text)
    LANGUAGE sql ROWS 12 COST 250 STABLE STRICT SECURITY DEFINER LEAKPROOF PARALLEL RESTRICTED
    AS $$ SELECT g, 'name ' || g FROM generate_series(1, n) AS g $$;
CREATE FUNCTION every.returns_set() RETURNS SETOF every.columns LANGUAGE sql
    AS $$ SELECT * FROM every.columns $$;
CREATE FUNCTION every.polymorphic(a anyelement, b anyarray DEFAULT NULL) RETURNS anyarray LANGUAGE sql
    AS $$ SELECT b || a $$;
CREATE FUNCTION every.overloaded(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION every.overloaded(text) RETURNS integer LANGUAGE sql AS 'SELECT 2';
CREATE FUNCTION every.overloaded(every.mood, "Hyphen-ated Schema"."Table ""quoted"" name") RETURNS integer LANGUAGE sql AS 'SELECT 3';
CREATE FUNCTION every.other_language() RETURNS integer LANGUAGE "other-plpgsql" AS 'BEGIN RETURN 1; END';
CREATE FUNCTION every.with_support(integer) RETURNS SETOF integer LANGUAGE internal IMMUTABLE STRICT
    SUPPORT pg_catalog.generate_series_int4_support ROWS 5 AS 'hashint4';
CREATE FUNCTION every.my_row_number() RETURNS bigint LANGUAGE internal WINDOW IMMUTABLE AS 'window_row_number';
-- Names that do not exist: valid only with check_function_bodies off, as in a restore.
SET check_function_bodies = false;
CREATE FUNCTION every.broken_body() RETURNS integer LANGUAGE sql AS 'SELECT count(*)::integer FROM no_such_table';
RESET check_function_bodies;

-- SQL-standard bodies: parsed at creation, so they depend on what they name.
CREATE FUNCTION every.standard_return(a integer, b integer DEFAULT 2) RETURNS integer IMMUTABLE RETURN a + b;
CREATE FUNCTION every.standard_body(wanted integer) RETURNS SETOF text
BEGIN ATOMIC
    SELECT t.value FROM every.texts AS t WHERE t.id = wanted;
    SELECT 'it''s; END; $$ \'::text;
END;
CREATE PROCEDURE every.standard_procedure(wanted integer, note text)
BEGIN ATOMIC
    INSERT INTO every.log (what) VALUES (note);
    UPDATE every.texts SET value = note WHERE id = wanted;
    DELETE FROM every.log WHERE what IS NULL;
END;
CREATE PROCEDURE every.plain_procedure(IN a integer, INOUT b text DEFAULT NULL) LANGUAGE plpgsql SECURITY DEFINER
    AS $$ BEGIN COMMIT; b := a::text; END $$;
ALTER FUNCTION every.standard_return(integer, integer) OWNER TO nocturne_owner;
ALTER PROCEDURE every.plain_procedure(integer, text) OWNER TO nocturne_writer;
COMMENT ON PROCEDURE every.plain_procedure(integer, text) IS 'a procedure';

-- A body of 100 kB.
SELECT format('CREATE FUNCTION every.long_body() RETURNS integer LANGUAGE plpgsql AS %L',
    'BEGIN' || chr(10) || repeat('  -- a long; line of ''comment''' || chr(10), CASE WHEN :'small' = 'true' THEN 50 ELSE 3300 END) || 'RETURN 1; END')
\gexec

-- A column's default, a check, and an index that call a function of this schema.
CREATE FUNCTION every.doubled(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE TABLE every.uses_functions (
    id integer DEFAULT every.standard_return(1) CHECK (every.doubled(id) < 1000),
    doubled integer GENERATED ALWAYS AS (every.doubled(id)) STORED
);
CREATE INDEX uses_functions_index ON every.uses_functions (every.doubled(id)) WHERE every.doubled(id) > 2;

-- ---------------------------------------------------------------- views
CREATE VIEW every.plain_view AS SELECT id, text_default AS "Text", 'it''s; \ $$'::text AS literal FROM every.columns;
CREATE VIEW every.checked WITH (check_option = local) AS SELECT * FROM every.texts WHERE id < 1000;
CREATE VIEW every.cascaded AS SELECT id FROM every.checked WHERE id > 0 WITH CASCADED CHECK OPTION;
CREATE VIEW every.barrier WITH (security_barrier = true) AS SELECT * FROM every.texts;
CREATE VIEW every.invoker WITH (security_invoker = true) AS SELECT * FROM every.texts;
CREATE VIEW every.with_default AS SELECT * FROM every.texts;
ALTER VIEW every.with_default ALTER COLUMN value SET DEFAULT 'from the view';
CREATE RECURSIVE VIEW every.numbers (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 10;
CREATE VIEW every.no_columns_view AS SELECT FROM every.texts;
CREATE VIEW "Hyphen-ated Schema"."View; ""quoted""" AS SELECT "Id" AS "Id; --" FROM "Hyphen-ated Schema"."Table ""quoted"" name";
CREATE VIEW every.uses_custom_operator AS SELECT word OPERATOR(every.|-|) other AS both FROM every.words WHERE word OPERATOR(every.=) other;
CREATE VIEW every.uses_aggregates AS
    SELECT every.plain_sum(id) AS plain, every.moving_sum(id) AS moving,
           every.middle(0.5) WITHIN GROUP (ORDER BY id) AS middle
    FROM every.texts;
-- Depends on a primary key (GROUP BY its column): restored after the data.
CREATE VIEW every.needs_key AS
    SELECT c.id, c.text_default, count(*) AS count FROM every.columns AS c GROUP BY c.id;
-- … and a function takes that view's row, so pg_dump makes a dummy view first.
CREATE FUNCTION every.takes_view_row(every.needs_key) RETURNS bigint LANGUAGE sql AS 'SELECT ($1).count';
CREATE VIEW every.over_needs_key AS SELECT id, every.takes_view_row(v) AS called FROM every.needs_key AS v;
-- Views that depend on each other.
CREATE VIEW every.circle_a AS SELECT 1 AS n;
CREATE VIEW every.circle_b AS SELECT n FROM every.circle_a;
CREATE OR REPLACE VIEW every.circle_a AS SELECT n FROM every.circle_b;
ALTER VIEW every.plain_view OWNER TO nocturne_owner;
COMMENT ON VIEW every.plain_view IS 'a view';
COMMENT ON COLUMN every.plain_view."Text" IS 'a view''s column';

-- ---------------------------------------------------------------- materialized views
CREATE MATERIALIZED VIEW every.first_matview AS SELECT id, value FROM every.texts WHERE id < 100;
CREATE UNIQUE INDEX first_matview_id ON every.first_matview (id);
-- Its name sorts before that of its dependency.
CREATE MATERIALIZED VIEW every.a_second_matview WITH (fillfactor = 90) AS SELECT id + 1 AS id, value FROM every.first_matview;
CREATE INDEX a_second_matview_value ON every.a_second_matview (left(value, 10));
CREATE MATERIALIZED VIEW every.unpopulated AS SELECT 1 AS one WITH NO DATA;
CREATE MATERIALIZED VIEW every.matview_other_method USING every_heap AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW every.matview_needs_key AS SELECT id, every.takes_view_row(v) AS called FROM every.needs_key AS v;
ALTER MATERIALIZED VIEW every.first_matview CLUSTER ON first_matview_id;
ALTER MATERIALIZED VIEW every.first_matview ALTER COLUMN value SET STATISTICS 50;
CREATE STATISTICS every.on_matview ON id, value FROM every.first_matview;
ALTER MATERIALIZED VIEW every.a_second_matview OWNER TO nocturne_superuser;
COMMENT ON MATERIALIZED VIEW every.first_matview IS 'a materialized view';

-- ---------------------------------------------------------------- rules
CREATE RULE insert_instead AS ON INSERT TO every.plain_view DO INSTEAD
    INSERT INTO every.log (what) VALUES (NEW."Text" || ' it''s; a rule');
CREATE RULE "several; actions" AS ON UPDATE TO every.plain_view WHERE OLD.id <> NEW.id
    DO ALSO (INSERT INTO every.log (what) VALUES ('one'); DELETE FROM every.log WHERE what = 'two');
CREATE RULE notifies AS ON DELETE TO every.plain_view DO ALSO NOTIFY "every channel", 'it''s';
CREATE RULE nothing AS ON DELETE TO every.no_rows DO INSTEAD NOTHING;
CREATE RULE disabled_rule AS ON UPDATE TO every.no_rows DO INSTEAD NOTHING;
ALTER TABLE every.no_rows DISABLE RULE disabled_rule;
CREATE RULE always_rule AS ON INSERT TO every.no_rows DO ALSO SELECT 1;
ALTER TABLE every.no_rows ENABLE ALWAYS RULE always_rule;
COMMENT ON RULE nothing ON every.no_rows IS 'a rule';

-- ---------------------------------------------------------------- triggers
CREATE FUNCTION every.on_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO every.log (what) VALUES (TG_NAME || ' ' || TG_OP);
    RETURN NULL;
END $$;
CREATE FUNCTION every.before_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE every.triggered (id integer PRIMARY KEY, note text, at timestamptz);
CREATE TRIGGER after_row AFTER INSERT OR UPDATE OF note, at OR DELETE ON every.triggered
    FOR EACH ROW EXECUTE FUNCTION every.on_change('argument''s', '\back', '');
CREATE TRIGGER "When; ""quoted""" BEFORE UPDATE ON every.triggered
    FOR EACH ROW WHEN (OLD.note IS DISTINCT FROM NEW.note AND NEW.note <> 'it''s;') EXECUTE FUNCTION every.before_change();
CREATE TRIGGER after_statement AFTER TRUNCATE ON every.triggered EXECUTE FUNCTION every.on_change();
CREATE TRIGGER transitions AFTER UPDATE ON every.triggered
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION every.on_change();
CREATE CONSTRAINT TRIGGER constraint_trigger AFTER INSERT ON every.triggered FROM every.referenced
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION every.on_change();
CREATE TRIGGER disabled_trigger AFTER INSERT ON every.triggered FOR EACH ROW EXECUTE FUNCTION every.on_change();
ALTER TABLE every.triggered DISABLE TRIGGER disabled_trigger;
CREATE TRIGGER replica_trigger AFTER INSERT ON every.triggered FOR EACH ROW EXECUTE FUNCTION every.on_change();
ALTER TABLE every.triggered ENABLE REPLICA TRIGGER replica_trigger;
CREATE TRIGGER always_trigger AFTER DELETE ON every.triggered FOR EACH ROW EXECUTE FUNCTION every.on_change();
ALTER TABLE every.triggered ENABLE ALWAYS TRIGGER always_trigger;
CREATE TRIGGER on_partitioned AFTER INSERT ON every.by_list FOR EACH ROW EXECUTE FUNCTION every.before_change();
ALTER TABLE every.by_list_sad DISABLE TRIGGER on_partitioned;
CREATE TRIGGER instead_of INSTEAD OF INSERT OR DELETE ON every.barrier FOR EACH ROW EXECUTE FUNCTION every.before_change();
CREATE TRIGGER self_updated BEFORE UPDATE ON every.triggered FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
COMMENT ON TRIGGER after_row ON every.triggered IS 'a trigger';

-- ---------------------------------------------------------------- event triggers
CREATE FUNCTION every.on_event() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER nocturne_ddl ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE') EXECUTE FUNCTION every.on_event();
CREATE EVENT TRIGGER "nocturne drop" ON sql_drop EXECUTE FUNCTION every.on_event();
ALTER EVENT TRIGGER "nocturne drop" DISABLE;
ALTER EVENT TRIGGER nocturne_ddl OWNER TO nocturne_superuser;
COMMENT ON EVENT TRIGGER nocturne_ddl IS 'an event trigger';

-- ---------------------------------------------------------------- row security
CREATE TABLE every.secured (id integer PRIMARY KEY, who name DEFAULT CURRENT_USER, note text);
ALTER TABLE every.secured OWNER TO nocturne_owner;
ALTER TABLE every.secured ENABLE ROW LEVEL SECURITY;
CREATE TABLE every.forced (id integer);
ALTER TABLE every.forced ENABLE ROW LEVEL SECURITY;
ALTER TABLE every.forced FORCE ROW LEVEL SECURITY;
CREATE TABLE every.forced_not_enabled (id integer);
ALTER TABLE every.forced_not_enabled FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody ON every.secured USING (true);
CREATE POLICY "select; only" ON every.secured AS RESTRICTIVE FOR SELECT TO "nocturne-reader", "nocturne ""quoted"" role" USING (who = CURRENT_USER OR note = 'it''s;');
CREATE POLICY inserting ON every.secured FOR INSERT TO nocturne_writer WITH CHECK (id > 0);
CREATE POLICY updating ON every.secured FOR UPDATE TO PUBLIC USING (id > 0) WITH CHECK (EXISTS (SELECT FROM every.texts AS t WHERE t.id = secured.id));
CREATE POLICY deleting ON every.secured FOR DELETE TO nocturne_owner USING (false);
COMMENT ON POLICY everybody ON every.secured IS 'a policy';
