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

SET SESSION AUTHORIZATION 'Boss';

--
-- Data for Name: Order; Type: TABLE DATA; Schema: app; Owner: Boss
--

SET SESSION AUTHORIZATION 'root';

ALTER TABLE app."Order" DISABLE TRIGGER ALL;

SET SESSION AUTHORIZATION 'Boss';

COPY app."Order" (id, note) FROM stdin;
1	a\tb
2	\N
\.


SET SESSION AUTHORIZATION 'root';

ALTER TABLE app."Order" ENABLE TRIGGER ALL;

SET SESSION AUTHORIZATION 'Boss';

--
-- Name: 16..17; Type: BLOB METADATA; Schema: -; Owner: Boss
--

SELECT pg_catalog.lo_create('16');
SELECT pg_catalog.lo_create('17');

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
-- Name: LARGE OBJECTS 16..17; Type: ACL; Schema: -; Owner: Boss
--

GRANT SELECT ON LARGE OBJECT 16 TO PUBLIC;
GRANT SELECT ON LARGE OBJECT 17 TO PUBLIC;

--
-- PostgreSQL database dump complete
--

\unrestrict key

