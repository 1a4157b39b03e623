--
-- PostgreSQL database dump
--

\restrict key

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

BEGIN;

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

DROP EVENT TRIGGER watch;
SELECT pg_catalog.lo_unlink('16');
SELECT pg_catalog.lo_unlink('17');

DROP MATERIALIZED VIEW app.totals;
DROP TABLE app.parts;
DROP TABLE app."Order";
DROP FUNCTION app.f();
DROP SCHEMA app;
--
-- Name: app; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA app;


--
-- Name: f(); Type: FUNCTION; Schema: app; Owner: -
--

CREATE FUNCTION app.f() RETURNS event_trigger
    LANGUAGE plpgsql
    AS $$BEGIN NULL; END$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: Order; Type: TABLE; Schema: app; Owner: -
--

CREATE TABLE app."Order" (
    id integer,
    note text,
    CONSTRAINT "Order_id_check" CHECK ((id > 0))
);


--
-- Name: TABLE "Order"; Type: COMMENT; Schema: app; Owner: -
--

COMMENT ON TABLE app."Order" IS 'many; words';


--
-- Name: parts; Type: TABLE; Schema: app; Owner: -
--

CREATE TABLE app.parts (
    id integer
)
PARTITION BY LIST (id);


ALTER TABLE app.parts SET ACCESS METHOD heap;

--
-- Name: totals; Type: MATERIALIZED VIEW; Schema: app; Owner: -
--

CREATE MATERIALIZED VIEW app.totals AS
 SELECT count(*) AS count
   FROM app."Order"
  WITH NO DATA;


--
-- Data for Name: Order; Type: TABLE DATA; Schema: app; Owner: -
--

COPY app."Order" (id, note) FROM stdin;
1	a\tb
2	\N
\.


--
-- Name: 16..17; Type: BLOB METADATA; Schema: -; Owner: -
--

SELECT pg_catalog.lo_create('16');
SELECT pg_catalog.lo_create('17');

--
-- Data for Name: 16..17; Type: BLOBS; Schema: -; Owner: -
--

SELECT pg_catalog.lo_open('16', 131072);
SELECT pg_catalog.lowrite(0, '\x@CHUNK@');
SELECT pg_catalog.lowrite(0, '\x00ff');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('17', 131072);
SELECT pg_catalog.lo_close(0);

--
-- Name: TABLE "Order"; Type: ACL; Schema: app; Owner: -
--

GRANT SELECT ON TABLE app."Order" TO PUBLIC;


--
-- Name: LARGE OBJECTS 16..17; Type: ACL; Schema: -; Owner: -
--

GRANT SELECT ON LARGE OBJECT 16 TO PUBLIC;
GRANT SELECT ON LARGE OBJECT 17 TO PUBLIC;

--
-- Name: watch; Type: EVENT TRIGGER; Schema: -; Owner: -
--

CREATE EVENT TRIGGER watch ON ddl_command_end
   EXECUTE FUNCTION app.f();

ALTER EVENT TRIGGER watch DISABLE;


--
-- Name: totals; Type: MATERIALIZED VIEW DATA; Schema: app; Owner: -
--

REFRESH MATERIALIZED VIEW app.totals;


COMMIT;

--
-- PostgreSQL database dump complete
--

\unrestrict key

