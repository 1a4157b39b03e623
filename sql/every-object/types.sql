-- Schemas, types, and what depends on types: functions, aggregates, operators, casts,
-- collations, conversions, text search, languages, access methods, transforms.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET client_encoding = 'UTF8';

-- ---------------------------------------------------------------- schemas
CREATE SCHEMA every;
CREATE SCHEMA "Hyphen-ated Schema" AUTHORIZATION nocturne_owner;
CREATE SCHEMA "with ""double"" quotes" AUTHORIZATION "nocturne-reader";
CREATE SCHEMA "it's" AUTHORIZATION "nocturne's apostrophe";
CREATE SCHEMA "Élèves & écoles 日本語 🦉";
CREATE SCHEMA "new
line; DROP TABLE x; --";
CREATE SCHEMA "back\slash";
CREATE SCHEMA "select";
CREATE SCHEMA empty_schema;
-- 63 bytes, the longest possible name
CREATE SCHEMA "a_name_of_sixty_three_bytes_which_is_as_long_as_a_name_may_ever";
ALTER SCHEMA every OWNER TO nocturne_owner;

-- ---------------------------------------------------------------- languages and access methods
CREATE FUNCTION every.other_plpgsql_handler() RETURNS language_handler
    LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION every.other_plpgsql_inline(internal) RETURNS void
    LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION every.other_plpgsql_validator(oid) RETURNS void
    LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE "other-plpgsql"
    HANDLER every.other_plpgsql_handler
    INLINE every.other_plpgsql_inline
    VALIDATOR every.other_plpgsql_validator;
ALTER LANGUAGE "other-plpgsql" OWNER TO nocturne_owner;
COMMENT ON LANGUAGE "other-plpgsql" IS 'plpgsql by another name';

CREATE ACCESS METHOD every_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE ACCESS METHOD every_gist TYPE INDEX HANDLER gisthandler;
COMMENT ON ACCESS METHOD every_heap IS 'heap by another name';

-- ---------------------------------------------------------------- collations and conversions
CREATE COLLATION every."C copy" FROM "C";
CREATE COLLATION every.posix_locale (PROVIDER = libc, LOCALE = 'POSIX');
CREATE COLLATION every.two_parts (LC_COLLATE = 'C', LC_CTYPE = 'POSIX');
ALTER COLLATION every.posix_locale OWNER TO nocturne_owner;
COMMENT ON COLLATION every."C copy" IS 'copy of "C"';

CREATE CONVERSION every."latin1 → utf8" FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE DEFAULT CONVERSION every.utf8_to_latin1 FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
ALTER CONVERSION every.utf8_to_latin1 OWNER TO nocturne_owner;
COMMENT ON CONVERSION every.utf8_to_latin1 IS 'default conversion';

-- ---------------------------------------------------------------- enums, domains, composites
CREATE TYPE every.mood AS ENUM ('sad', 'ok', 'happy', 'it''s "complicated"', 'back\slash', 'été', '');
ALTER TYPE every.mood ADD VALUE 'between' BEFORE 'happy';
CREATE TYPE every.empty_enum AS ENUM ();
CREATE TYPE every.composite AS (
    number integer,
    "Quoted ""name""" text COLLATE "C",
    feeling every.mood,
    list integer[],
    amount numeric(10, 2)
);
CREATE TYPE every.nested AS (inner_value every.composite, inner_list every.composite[]);
CREATE TYPE every.empty_composite AS ();
ALTER TYPE every.composite OWNER TO nocturne_owner;
COMMENT ON TYPE every.composite IS 'a composite type';
COMMENT ON COLUMN every.composite."Quoted ""name""" IS 'a column of a composite type';

CREATE DOMAIN every.positive AS integer DEFAULT 1 NOT NULL CONSTRAINT "is > 0" CHECK (VALUE > 0);
CREATE DOMAIN every.even_positive AS every.positive CHECK (VALUE % 2 = 0);
CREATE DOMAIN every.email AS text COLLATE "C" CHECK (VALUE ~ '^[^@\s]+@[^@\s]+$');
ALTER DOMAIN every.email ADD CONSTRAINT not_validated CHECK (length(VALUE) < 320) NOT VALID;
CREATE DOMAIN every.composite_domain AS every.composite CHECK ((VALUE).number IS DISTINCT FROM 13);
CREATE DOMAIN every.array_domain AS integer[] CHECK (array_length(VALUE, 1) < 10);
ALTER DOMAIN every.positive OWNER TO "nocturne-reader";
COMMENT ON DOMAIN every.positive IS 'a domain';
COMMENT ON CONSTRAINT "is > 0" ON DOMAIN every.positive IS 'a domain''s constraint';

-- ---------------------------------------------------------------- a base type without C code
CREATE TYPE every.only_a_shell;

CREATE TYPE every.word;
CREATE FUNCTION every.word_in(cstring) RETURNS every.word
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textin';
CREATE FUNCTION every.word_out(every.word) RETURNS cstring
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textout';
CREATE FUNCTION every.word_receive(internal) RETURNS every.word
    LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'textrecv';
CREATE FUNCTION every.word_send(every.word) RETURNS bytea
    LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'textsend';
CREATE TYPE every.word (
    INPUT = every.word_in,
    OUTPUT = every.word_out,
    RECEIVE = every.word_receive,
    SEND = every.word_send,
    LIKE = text,
    CATEGORY = 'S',
    DEFAULT = 'a ''default'' word',
    DELIMITER = ';',
    COLLATABLE = true
);
COMMENT ON TYPE every.word IS 'text by another name';
COMMENT ON FUNCTION every.word_in(cstring) IS 'input of word';

CREATE FUNCTION every.word_eq(every.word, every.word) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'texteq';
CREATE FUNCTION every.word_ne(every.word, every.word) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'textne';
CREATE FUNCTION every.word_lt(every.word, every.word) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'text_lt';
CREATE FUNCTION every.word_le(every.word, every.word) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'text_le';
CREATE FUNCTION every.word_gt(every.word, every.word) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'text_gt';
CREATE FUNCTION every.word_ge(every.word, every.word) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'text_ge';
CREATE FUNCTION every.word_compare(every.word, every.word) RETURNS integer
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'bttextcmp';
CREATE FUNCTION every.word_hash(every.word) RETURNS integer
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'hashtext';
CREATE FUNCTION every.word_concat(every.word, every.word) RETURNS every.word
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textcat';

-- ---------------------------------------------------------------- operators, families, classes
CREATE OPERATOR every.= (
    LEFTARG = every.word, RIGHTARG = every.word, FUNCTION = every.word_eq,
    COMMUTATOR = OPERATOR(every.=), NEGATOR = OPERATOR(every.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR every.<> (
    LEFTARG = every.word, RIGHTARG = every.word, FUNCTION = every.word_ne,
    COMMUTATOR = OPERATOR(every.<>), NEGATOR = OPERATOR(every.=),
    RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR every.< (
    LEFTARG = every.word, RIGHTARG = every.word, FUNCTION = every.word_lt,
    COMMUTATOR = OPERATOR(every.>), NEGATOR = OPERATOR(every.>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR every.<= (
    LEFTARG = every.word, RIGHTARG = every.word, FUNCTION = every.word_le,
    COMMUTATOR = OPERATOR(every.>=), NEGATOR = OPERATOR(every.>),
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR every.> (
    LEFTARG = every.word, RIGHTARG = every.word, FUNCTION = every.word_gt,
    COMMUTATOR = OPERATOR(every.<), NEGATOR = OPERATOR(every.<=),
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR every.>= (
    LEFTARG = every.word, RIGHTARG = every.word, FUNCTION = every.word_ge,
    COMMUTATOR = OPERATOR(every.<=), NEGATOR = OPERATOR(every.<),
    RESTRICT = scalargesel, JOIN = scalargejoinsel);
-- The name of an operator may look like a comment's neighbour, or be a prefix operator.
CREATE OPERATOR every.|-| (LEFTARG = every.word, RIGHTARG = every.word, FUNCTION = every.word_concat);
CREATE OPERATOR every.@#@ (RIGHTARG = every.word, FUNCTION = every.word_hash);
ALTER OPERATOR every.|-| (every.word, every.word) OWNER TO nocturne_owner;
COMMENT ON OPERATOR every.|-| (every.word, every.word) IS 'concatenation';
COMMENT ON OPERATOR every.@#@ (NONE, every.word) IS 'a prefix operator';

CREATE OPERATOR FAMILY every.word_family USING btree;
CREATE OPERATOR FAMILY every.loose_family USING btree;
ALTER OPERATOR FAMILY every.loose_family USING btree ADD
    OPERATOR 1 every.< (every.word, every.word),
    OPERATOR 3 every.= (every.word, every.word),
    OPERATOR 5 every.> (every.word, every.word),
    FUNCTION 1 (every.word, every.word) every.word_compare(every.word, every.word);
CREATE OPERATOR CLASS every."word-operators" DEFAULT FOR TYPE every.word USING btree
    FAMILY every.word_family AS
    OPERATOR 1 every.<, OPERATOR 2 every.<=, OPERATOR 3 every.=,
    OPERATOR 4 every.>=, OPERATOR 5 every.>,
    FUNCTION 1 every.word_compare(every.word, every.word);
CREATE OPERATOR CLASS every.word_hash_operators DEFAULT FOR TYPE every.word USING hash AS
    OPERATOR 1 every.=, FUNCTION 1 every.word_hash(every.word);
ALTER OPERATOR CLASS every.word_hash_operators USING hash OWNER TO nocturne_owner;
ALTER OPERATOR FAMILY every.loose_family USING btree OWNER TO nocturne_owner;
COMMENT ON OPERATOR CLASS every."word-operators" USING btree IS 'an operator class';
COMMENT ON OPERATOR FAMILY every.loose_family USING btree IS 'an operator family';

-- ---------------------------------------------------------------- ranges
CREATE FUNCTION every.word_distance(double precision, double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1 - $2';
CREATE TYPE every.float_range AS RANGE (
    SUBTYPE = double precision,
    SUBTYPE_DIFF = every.word_distance,
    MULTIRANGE_TYPE_NAME = every.float_multi
);
CREATE TYPE every.word_range AS RANGE (
    SUBTYPE = every.word,
    SUBTYPE_OPCLASS = every."word-operators",
    COLLATION = "C"
);
-- A range with a canonical function, which needs the shell type first.
CREATE TYPE every.step_range;
CREATE FUNCTION every.step_range_canonical(every.step_range) RETURNS every.step_range
    LANGUAGE internal IMMUTABLE STRICT AS 'int4range_canonical';
CREATE TYPE every.step_range AS RANGE (SUBTYPE = integer, CANONICAL = every.step_range_canonical);
ALTER TYPE every.float_range OWNER TO nocturne_owner;
COMMENT ON TYPE every.float_range IS 'a range type';

-- ---------------------------------------------------------------- casts
CREATE FUNCTION every.mood_to_integer(every.mood) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT
    AS $$ SELECT array_position(enum_range(NULL::every.mood), $1) $$;
CREATE CAST (every.mood AS integer) WITH FUNCTION every.mood_to_integer(every.mood);
CREATE CAST (every.word AS text) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (text AS every.word) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (every.composite AS text) WITH INOUT AS IMPLICIT;
COMMENT ON CAST (every.word AS text) IS 'binary coercible';

CREATE TRANSFORM FOR every.word LANGUAGE sql (
    FROM SQL WITH FUNCTION prsd_lextype(internal),
    TO SQL WITH FUNCTION every.word_receive(internal)
);
COMMENT ON TRANSFORM FOR every.word LANGUAGE sql IS 'a transform';

-- ---------------------------------------------------------------- aggregates
CREATE FUNCTION every.sum_step(state bigint, value integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(state, 0) + coalesce(value, 0) $$;
CREATE FUNCTION every.sum_back(state bigint, value integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(state, 0) - coalesce(value, 0) $$;
CREATE FUNCTION every.sum_combine(bigint, bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT coalesce($1, 0) + coalesce($2, 0) $$;
CREATE FUNCTION every.sum_final(state bigint) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$ SELECT 'sum: ' || state $$;

CREATE AGGREGATE every.plain_sum(integer) (
    SFUNC = every.sum_step, STYPE = bigint, SSPACE = 8, FINALFUNC = every.sum_final,
    FINALFUNC_MODIFY = READ_ONLY, INITCOND = '0', COMBINEFUNC = every.sum_combine,
    PARALLEL = SAFE);
CREATE AGGREGATE every.moving_sum(integer) (
    SFUNC = every.sum_step, STYPE = bigint, INITCOND = '0',
    MSFUNC = every.sum_step, MINVFUNC = every.sum_back, MSTYPE = bigint, MINITCOND = '0',
    MFINALFUNC = every.sum_final, FINALFUNC = every.sum_final);
CREATE AGGREGATE every.count_all(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0');
CREATE FUNCTION every.word_smaller(every.word, every.word) RETURNS every.word
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'text_smaller';
CREATE AGGREGATE every.smallest(every.word) (
    SFUNC = every.word_smaller, STYPE = every.word, SORTOP = OPERATOR(every.<));
CREATE AGGREGATE every.middle(double precision ORDER BY anyelement) (
    SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final,
    FINALFUNC_EXTRA, FINALFUNC_MODIFY = READ_WRITE);
CREATE AGGREGATE every.hypothetical(VARIADIC "any" ORDER BY VARIADIC "any") (
    SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final,
    FINALFUNC_EXTRA, HYPOTHETICAL);
CREATE AGGREGATE every.joined(text, text) (
    SFUNC = string_agg_transfn, STYPE = internal, FINALFUNC = string_agg_finalfn);
ALTER AGGREGATE every.plain_sum(integer) OWNER TO nocturne_owner;
COMMENT ON AGGREGATE every.plain_sum(integer) IS 'a plain aggregate';
COMMENT ON AGGREGATE every.middle(double precision ORDER BY anyelement) IS 'an ordered-set aggregate';

-- ---------------------------------------------------------------- text search
CREATE TEXT SEARCH TEMPLATE every.template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH PARSER every."parser's name" (
    START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
    LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH DICTIONARY every.dictionary (TEMPLATE = every.template, ACCEPT = false);
CREATE TEXT SEARCH DICTIONARY every.plain_dictionary (TEMPLATE = pg_catalog.simple);
CREATE TEXT SEARCH CONFIGURATION every.configuration (PARSER = every."parser's name");
ALTER TEXT SEARCH CONFIGURATION every.configuration
    ADD MAPPING FOR asciiword, word, numword WITH every.dictionary, pg_catalog.simple;
CREATE TEXT SEARCH CONFIGURATION every.copied (COPY = pg_catalog.simple);
ALTER TEXT SEARCH DICTIONARY every.dictionary OWNER TO nocturne_owner;
ALTER TEXT SEARCH CONFIGURATION every.configuration OWNER TO nocturne_owner;
COMMENT ON TEXT SEARCH TEMPLATE every.template IS 'a template';
COMMENT ON TEXT SEARCH PARSER every."parser's name" IS 'a parser';
COMMENT ON TEXT SEARCH DICTIONARY every.dictionary IS 'a dictionary';
COMMENT ON TEXT SEARCH CONFIGURATION every.configuration IS 'a configuration';
