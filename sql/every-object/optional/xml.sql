-- Only if the server is built with libxml.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE TABLE every.with_xml (id integer PRIMARY KEY, document xml);
INSERT INTO every.with_xml VALUES
    (1, xmlparse(DOCUMENT '<?xml version="1.0"?><a b="c">été &amp; \ tab	</a>')),
    (2, xmlparse(CONTENT 'several <a/> <b/>' || chr(10) || 'lines')), (3, NULL);
CREATE VIEW every.xml_view AS SELECT xmlelement(name "É", xmlattributes(id), document) AS x FROM every.with_xml;
CREATE VIEW every.xml_table AS SELECT t.* FROM every.with_xml, XMLTABLE('/a' PASSING document COLUMNS b text PATH '@b', n FOR ORDINALITY) AS t WHERE id = 1;
