--
-- PostgreSQL database dump
--

\restrict key

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

-- Started on THEN

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

BEGIN;

COMMIT;
BEGIN;
COMMIT;
DROP DATABASE IF EXISTS "my-app";
BEGIN;
COMMIT;

--
-- TOC entry 2585 (class 1262 OID 17867)
-- Name: my-app; Type: DATABASE; Schema: -; Owner: Boss
--

CREATE DATABASE "my-app" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C';


ALTER DATABASE "my-app" OWNER TO "Boss";

\unrestrict key
\encoding SQL_ASCII
\connect -reuse-previous=on "dbname='my-app'"
\restrict key

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

BEGIN;

COMMIT;

--
-- TOC entry 2586 (class 0 OID 0)
-- Name: my-app; Type: DATABASE PROPERTIES; Schema: -; Owner: Boss
--

ALTER DATABASE "my-app" SET work_mem TO '8MB';


\unrestrict key
\encoding SQL_ASCII
\connect -reuse-previous=on "dbname='my-app'"
\restrict key

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

BEGIN;

--
-- TOC entry 6 (class 2615 OID 17868)
-- Name: app; Type: SCHEMA; Schema: -; Owner: Boss
--

CREATE SCHEMA app;


ALTER SCHEMA app OWNER TO "Boss";

--
-- TOC entry 223 (class 1255 OID 17882)
-- Dependencies: 6
-- Name: f(); Type: FUNCTION; Schema: app; Owner: Boss
--

CREATE FUNCTION app.f() RETURNS event_trigger
    LANGUAGE plpgsql
    AS $$BEGIN NULL; END$$;


ALTER FUNCTION app.f() OWNER TO "Boss";

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- TOC entry 220 (class 1259 OID 17869)
-- Dependencies: 6
-- Name: Order; Type: TABLE; Schema: app; Owner: Boss
--

CREATE TABLE app."Order" (
    id integer,
    note text,
    CONSTRAINT "Order_id_check" CHECK ((id > 0))
);


ALTER TABLE app."Order" OWNER TO "Boss";

COMMIT;
BEGIN;

--
-- TOC entry 2587 (class 0 OID 0)
-- Dependencies: 220
-- Name: TABLE "Order"; Type: COMMENT; Schema: app; Owner: Boss
--

COMMENT ON TABLE app."Order" IS 'many; words';


--
-- TOC entry 222 (class 1259 OID 17884)
-- Dependencies: 6
-- Name: parts; Type: TABLE; Schema: app; Owner: Boss
--

CREATE TABLE app.parts (
    id integer
)
PARTITION BY LIST (id);


ALTER TABLE app.parts OWNER TO "Boss";

ALTER TABLE app.parts SET ACCESS METHOD heap;

--
-- TOC entry 221 (class 1259 OID 17875)
-- Dependencies: 220 6
-- Name: totals; Type: MATERIALIZED VIEW; Schema: app; Owner: Boss
--

CREATE MATERIALIZED VIEW app.totals AS
 SELECT count(*) AS count
   FROM app."Order"
  WITH NO DATA;


ALTER MATERIALIZED VIEW app.totals OWNER TO "Boss";

COMMIT;
BEGIN;

--
-- TOC entry 2576 (class 0 OID 17869)
-- Dependencies: 220
-- Data for Name: Order; Type: TABLE DATA; Schema: app; Owner: Boss
-- File: 2576.dat
--

COPY app."Order" (id, note) FROM stdin;
1	a\tb
2	\N
\.


--
-- TOC entry 2578 (class 2613 OID 16)
-- Name: 16..17; Type: BLOB METADATA; Schema: -; Owner: Boss
--

SELECT pg_catalog.lo_create('16');
SELECT pg_catalog.lo_create('17');

ALTER LARGE OBJECT 16 OWNER TO "Boss";
COMMIT;
BEGIN;

ALTER LARGE OBJECT 17 OWNER TO "Boss";

--
-- TOC entry 2579 (class 0 OID 0)
-- Dependencies: 2578 2580
-- Data for Name: 16..17; Type: BLOBS; Schema: -; Owner: Boss
-- File: blobs_2579.toc
--

SELECT pg_catalog.lo_open('16', 131072);
SELECT pg_catalog.lowrite(0, '\x@CHUNK@');
SELECT pg_catalog.lowrite(0, '\x00ff');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('17', 131072);
SELECT pg_catalog.lo_close(0);

--
-- TOC entry 2588 (class 0 OID 0)
-- Dependencies: 220
-- Name: TABLE "Order"; Type: ACL; Schema: app; Owner: Boss
--

GRANT SELECT ON TABLE app."Order" TO PUBLIC;


COMMIT;
BEGIN;

--
-- TOC entry 2589 (class 0 OID 0)
-- Dependencies: 2578
-- Name: LARGE OBJECTS 16..17; Type: ACL; Schema: -; Owner: Boss
--

GRANT SELECT ON LARGE OBJECT 16 TO PUBLIC;
GRANT SELECT ON LARGE OBJECT 17 TO PUBLIC;

--
-- TOC entry 2426 (class 3466 OID 17883)
-- Dependencies: 223
-- Name: watch; Type: EVENT TRIGGER; Schema: -; Owner: Boss
--

CREATE EVENT TRIGGER watch ON ddl_command_end
   EXECUTE FUNCTION app.f();

ALTER EVENT TRIGGER watch DISABLE;


ALTER EVENT TRIGGER watch OWNER TO "Boss";

COMMIT;
BEGIN;

--
-- TOC entry 2577 (class 0 OID 17875)
-- Dependencies: 221 2581
-- Name: totals; Type: MATERIALIZED VIEW DATA; Schema: app; Owner: Boss
--

REFRESH MATERIALIZED VIEW app.totals;


COMMIT;

-- Completed on NOW

--
-- PostgreSQL database dump complete
--

\unrestrict key

