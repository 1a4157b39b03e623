--
-- PostgreSQL database dump
--

\restrict key

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: app; Type: SCHEMA; Schema: -; Owner: Boss
--

CREATE SCHEMA app;


ALTER SCHEMA app OWNER TO "Boss";

--
-- Name: f(); Type: FUNCTION; Schema: app; Owner: Boss
--

CREATE FUNCTION app.f() RETURNS event_trigger
    LANGUAGE plpgsql
    AS $$BEGIN NULL; END$$;


ALTER FUNCTION app.f() OWNER TO "Boss";

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: Order; Type: TABLE; Schema: app; Owner: Boss
--

CREATE TABLE app."Order" (
    id integer,
    note text,
    CONSTRAINT "Order_id_check" CHECK ((id > 0))
);


ALTER TABLE app."Order" OWNER TO "Boss";

--
-- Name: TABLE "Order"; Type: COMMENT; Schema: app; Owner: Boss
--

COMMENT ON TABLE app."Order" IS 'many; words';


--
-- Name: parts; Type: TABLE; Schema: app; Owner: Boss
--

CREATE TABLE app.parts (
    id integer
)
PARTITION BY LIST (id);


ALTER TABLE app.parts OWNER TO "Boss";

ALTER TABLE app.parts SET ACCESS METHOD heap;

--
-- Name: totals; Type: MATERIALIZED VIEW; Schema: app; Owner: Boss
--

CREATE MATERIALIZED VIEW app.totals AS
 SELECT count(*) AS count
   FROM app."Order"
  WITH NO DATA;


ALTER MATERIALIZED VIEW app.totals OWNER TO "Boss";

--
-- Data for Name: Order; Type: TABLE DATA; Schema: app; Owner: Boss
--

COPY app."Order" (id, note) FROM stdin;
1	a\tb
2	\N
\.


--
-- Name: 16..17; Type: BLOB METADATA; Schema: -; Owner: Boss
--

SELECT pg_catalog.lo_create('16');
SELECT pg_catalog.lo_create('17');

ALTER LARGE OBJECT 16 OWNER TO "Boss";
ALTER LARGE OBJECT 17 OWNER TO "Boss";

--
-- Data for Name: 16..17; Type: BLOBS; Schema: -; Owner: Boss
--

BEGIN;

SELECT pg_catalog.lo_open('16', 131072);
SELECT pg_catalog.lowrite(0, '\x@CHUNK@');
SELECT pg_catalog.lowrite(0, '\x00ff');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('17', 131072);
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- Name: TABLE "Order"; Type: ACL; Schema: app; Owner: Boss
--

GRANT SELECT ON TABLE app."Order" TO PUBLIC;


--
-- Name: LARGE OBJECTS 16..17; Type: ACL; Schema: -; Owner: Boss
--

GRANT SELECT ON LARGE OBJECT 16 TO PUBLIC;
GRANT SELECT ON LARGE OBJECT 17 TO PUBLIC;

--
-- Name: watch; Type: EVENT TRIGGER; Schema: -; Owner: Boss
--

CREATE EVENT TRIGGER watch ON ddl_command_end
   EXECUTE FUNCTION app.f();

ALTER EVENT TRIGGER watch DISABLE;


ALTER EVENT TRIGGER watch OWNER TO "Boss";

--
-- Name: totals; Type: MATERIALIZED VIEW DATA; Schema: app; Owner: Boss
--

REFRESH MATERIALIZED VIEW app.totals;


--
-- PostgreSQL database dump complete
--

\unrestrict key

