-- Only if the server is built with ICU.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE COLLATION every.case_insensitive (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE TABLE every.with_icu (name text COLLATE every.case_insensitive PRIMARY KEY, french text COLLATE "fr-x-icu");
INSERT INTO every.with_icu VALUES ('ABC', 'été');
