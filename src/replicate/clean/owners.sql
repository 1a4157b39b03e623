SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid, oid, relowner FROM pg_catalog.pg_class
UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proowner FROM pg_catalog.pg_proc
UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typowner FROM pg_catalog.pg_type
UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprowner FROM pg_catalog.pg_operator
UNION ALL SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, oid, opcowner FROM pg_catalog.pg_opclass
UNION ALL SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, oid, opfowner FROM pg_catalog.pg_opfamily
UNION ALL SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, oid, collowner FROM pg_catalog.pg_collation
UNION ALL SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid, conowner FROM pg_catalog.pg_conversion
UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, oid, stxowner FROM pg_catalog.pg_statistic_ext
UNION ALL SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid, cfgowner FROM pg_catalog.pg_ts_config
UNION ALL SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, dictowner FROM pg_catalog.pg_ts_dict
UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, fdwowner FROM pg_catalog.pg_foreign_data_wrapper
UNION ALL SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, srvowner FROM pg_catalog.pg_foreign_server
UNION ALL SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, oid, lanowner FROM pg_catalog.pg_language
UNION ALL SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass, oid, extowner FROM pg_catalog.pg_extension
UNION ALL SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, oid, evtowner FROM pg_catalog.pg_event_trigger
UNION ALL SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, oid, pubowner FROM pg_catalog.pg_publication
UNION ALL SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, nspowner FROM pg_catalog.pg_namespace
UNION ALL SELECT 'pg_catalog.pg_default_acl'::pg_catalog.regclass, oid, defaclrole FROM pg_catalog.pg_default_acl
-- Parts of another object have its owner.
UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, p.oid, c.relowner
    FROM pg_catalog.pg_attrdef p JOIN pg_catalog.pg_class c ON c.oid = p.adrelid
-- A trigger may be of another role than its table: of the one whose function it runs.
UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, p.oid,
    CASE WHEN f.proowner IN ({trusted}) THEN c.relowner ELSE f.proowner END
    FROM pg_catalog.pg_trigger p JOIN pg_catalog.pg_class c ON c.oid = p.tgrelid
    JOIN pg_catalog.pg_proc f ON f.oid = p.tgfoid
UNION ALL SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, c.relowner
    FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, p.oid, c.relowner
    FROM pg_catalog.pg_rewrite p JOIN pg_catalog.pg_class c ON c.oid = p.ev_class
UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, p.oid, COALESCE(c.relowner, t.typowner)
    FROM pg_catalog.pg_constraint p
    LEFT JOIN pg_catalog.pg_class c ON c.oid = p.conrelid
    LEFT JOIN pg_catalog.pg_type t ON t.oid = p.contypid
-- Its tables and, from version 15 on, its schemas.
UNION ALL SELECT d.classid, d.objid, p.pubowner
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_publication p ON p.oid = d.refobjid
    WHERE d.refclassid = 'pg_catalog.pg_publication'::pg_catalog.regclass AND d.deptype = 'a'
UNION ALL SELECT 'pg_catalog.pg_amop'::pg_catalog.regclass, p.oid, o.opfowner
    FROM pg_catalog.pg_amop p JOIN pg_catalog.pg_opfamily o ON o.oid = p.amopfamily
UNION ALL SELECT 'pg_catalog.pg_amproc'::pg_catalog.regclass, p.oid, o.opfowner
    FROM pg_catalog.pg_amproc p JOIN pg_catalog.pg_opfamily o ON o.oid = p.amprocfamily
-- A cast has no owner. One of its types belongs to the role that created it, unless that is a
-- superuser. Only superusers create the rest, which has no owner either: role 10 is initdb's.
UNION ALL SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass, p.oid, COALESCE(t.typowner, 10)
    FROM pg_catalog.pg_cast p LEFT JOIN pg_catalog.pg_type t ON t.oid IN (p.castsource, p.casttarget)
    AND t.oid >= 16384 AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e'
            AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
    )
UNION ALL SELECT 'pg_catalog.pg_am'::pg_catalog.regclass, oid, 10 FROM pg_catalog.pg_am
UNION ALL SELECT 'pg_catalog.pg_transform'::pg_catalog.regclass, oid, 10 FROM pg_catalog.pg_transform
UNION ALL SELECT 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, oid, 10 FROM pg_catalog.pg_ts_parser
UNION ALL SELECT 'pg_catalog.pg_ts_template'::pg_catalog.regclass, oid, 10 FROM pg_catalog.pg_ts_template
-- That of PUBLIC belongs to the owner of the server.
UNION ALL SELECT 'pg_catalog.pg_user_mapping'::pg_catalog.regclass, m.umid,
    COALESCE(NULLIF(m.umuser, 0), s.srvowner)
    FROM pg_catalog.pg_user_mappings m JOIN pg_catalog.pg_foreign_server s ON s.oid = m.srvid
UNION ALL SELECT 'pg_catalog.pg_largeobject'::pg_catalog.regclass, oid, lomowner
    FROM pg_catalog.pg_largeobject_metadata
