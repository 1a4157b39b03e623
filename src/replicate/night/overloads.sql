-- The functions and operators of roles that are not trusted, which the server may choose instead of
-- others of the same name, for the types of their arguments: by schema and name, and by the name of each
-- extension that has another one of the same name. Members of extensions of trusted roles are not among
-- them.
--
-- Columns: schema, name, the object in words, its owner, its OID.
WITH trusted (oid) AS (
    {trusted}
), members (classid, objid) AS (
    {members}
), named (classid, objid, schema, name, owner) AS (
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::oid, oid, pronamespace, proname, proowner
    FROM pg_catalog.pg_proc
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprnamespace, oprname, oprowner
    FROM pg_catalog.pg_operator
), others AS (
    SELECT * FROM named
    WHERE owner NOT IN (SELECT oid FROM trusted) AND (classid, objid) NOT IN (SELECT * FROM members)
), listed (schema, name, classid, objid, owner) AS (
    SELECT n.nspname, other.name, other.classid, other.objid, other.owner
    FROM others other JOIN pg_catalog.pg_namespace n ON n.oid = other.schema
    UNION ALL
    SELECT NULL, x.extname, other.classid, other.objid, other.owner
    FROM pg_catalog.pg_extension x
    JOIN pg_catalog.pg_depend d ON d.refobjid = x.oid AND d.deptype = 'e'
        AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
    JOIN named member ON member.classid = d.classid AND member.objid = d.objid
    JOIN others other ON other.classid = member.classid AND other.schema = member.schema
        AND other.name = member.name AND other.objid <> member.objid
)
SELECT listed.schema, listed.name, object.type || ' ' || object.identity,
    pg_catalog.pg_get_userbyid(listed.owner), listed.objid
FROM listed
CROSS JOIN LATERAL pg_catalog.pg_identify_object(listed.classid, listed.objid, 0) object
