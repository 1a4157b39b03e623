-- Work that sleeps instead of computing, so that more sessions than processors really overlap: a
-- type whose comparison sleeps for a millisecond. Indexes, keys and foreign key checks take as
-- long as their comparisons. This shows the cost of locks and of the order of work on a server
-- with many processors.
\set ON_ERROR_STOP on
CREATE TYPE slow AS (n integer);
CREATE FUNCTION slow_cmp(slow, slow) RETURNS integer LANGUAGE plpgsql IMMUTABLE COST 100000 AS $$
BEGIN
    PERFORM pg_catalog.pg_sleep(0.001);
    RETURN sign(($1).n - ($2).n);
END $$;
-- Not in SQL: the planner would inline them and no longer recognize the operators.
CREATE FUNCTION slow_lt(slow, slow) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 100000 AS 'BEGIN RETURN public.slow_cmp($1, $2) < 0; END';
CREATE FUNCTION slow_le(slow, slow) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 100000 AS 'BEGIN RETURN public.slow_cmp($1, $2) <= 0; END';
CREATE FUNCTION slow_eq(slow, slow) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 100000 AS 'BEGIN RETURN public.slow_cmp($1, $2) = 0; END';
CREATE FUNCTION slow_ge(slow, slow) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 100000 AS 'BEGIN RETURN public.slow_cmp($1, $2) >= 0; END';
CREATE FUNCTION slow_gt(slow, slow) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 100000 AS 'BEGIN RETURN public.slow_cmp($1, $2) > 0; END';
CREATE OPERATOR <  (LEFTARG = slow, RIGHTARG = slow, FUNCTION = slow_lt, COMMUTATOR = >, NEGATOR = >=);
CREATE OPERATOR <= (LEFTARG = slow, RIGHTARG = slow, FUNCTION = slow_le, COMMUTATOR = >=, NEGATOR = >);
CREATE OPERATOR =  (LEFTARG = slow, RIGHTARG = slow, FUNCTION = slow_eq, COMMUTATOR = =, MERGES);
CREATE OPERATOR >= (LEFTARG = slow, RIGHTARG = slow, FUNCTION = slow_ge, COMMUTATOR = <=, NEGATOR = <);
CREATE OPERATOR >  (LEFTARG = slow, RIGHTARG = slow, FUNCTION = slow_gt, COMMUTATOR = <, NEGATOR = <=);
CREATE OPERATOR CLASS slow_ops DEFAULT FOR TYPE slow USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 slow_cmp(slow, slow);

-- Incompressible text, so that the tables do not count as small.
CREATE FUNCTION filler(n integer) RETURNS text LANGUAGE sql AS
    'SELECT string_agg(md5(n * 10000 + i || ''''), '''') FROM generate_series(1, 1200) i';

-- A parent that all reference, and children with several indexes each.
CREATE TABLE parent (id slow NOT NULL, a slow, b slow, c slow, filler text);
INSERT INTO parent SELECT row(n)::slow, row(-n)::slow, row(n % 20)::slow, row(n % 30)::slow, filler(n) FROM generate_series(1, 60) n;
ALTER TABLE parent ADD CONSTRAINT parent_pkey PRIMARY KEY (id);
CREATE INDEX parent_a ON parent (a);
CREATE INDEX parent_b ON parent (b);
CREATE INDEX parent_c ON parent (c);
SELECT format(
    'CREATE TABLE child%1$s (id slow NOT NULL, parent slow NOT NULL, a slow, b slow, filler text);
     INSERT INTO child%1$s SELECT row(i)::slow, row(1 + i %% 60)::slow, row(-i)::slow, row(i %% 7)::slow, filler(i + 100 * %1$s)
         FROM generate_series(1, %2$s) i;
     ALTER TABLE child%1$s ADD CONSTRAINT child%1$s_pkey PRIMARY KEY (id);
     CREATE INDEX child%1$s_parent ON child%1$s (parent);
     CREATE INDEX child%1$s_a ON child%1$s (a);
     CREATE INDEX child%1$s_b ON child%1$s (b);
     ALTER TABLE child%1$s ADD CONSTRAINT child%1$s_parent_fkey FOREIGN KEY (parent) REFERENCES parent (id);',
    n, 16 + 8 * (n % 4))
FROM generate_series(1, 12) n \gexec
DROP FUNCTION filler(integer);
