//! A new database that replaces the old one, as a role that may create databases and is not a
//! superuser.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{Cluster, Database, Owned, cluster, fresh_name, until, versions, wait_until};
use nocturne::replicate::swap::{self, Leftover, Names, Recovered, SwapError};
use nocturne::server::{Retry, Session, SessionSettings, Target};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// A database with a table that identifies its night, and handles that drop the others.
struct Warehouse<'a> {
    owned: Owned<'a>,
    names: Names,
    _others: [Database<'a>; 2],
}

impl<'a> Warehouse<'a> {
    async fn new(cluster: &'a Cluster, name: &str, attributes: &str) -> Self {
        let owned = Owned::with(cluster, name, attributes);
        owned.execute("CREATE TABLE night (n int); INSERT INTO night VALUES (1)").await;
        let names = Names::of(&owned.database.name);
        let others = [&names.next, &names.previous].map(|name| cluster.adopt_db(name.as_str()));
        Self { owned, names, _others: others }
    }

    fn target(&self) -> Target {
        self.owned.target()
    }

    /// The night's table in one of the databases. The query leaves no session behind: the
    /// warehouse's role may not end a superuser's.
    fn night(&self, database: &str) -> String {
        let cluster = self.owned.database.cluster;
        let psql = cluster.psql(database);
        let psql = psql.args(["--tuples-only", "--no-align", "--command", "SELECT n FROM night"]);
        let night = psql.succeed().stdout().trim_end().to_owned();
        let left = format!(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = '{database}' AND application_name = 'psql'"
        );
        wait_until("psql's session is gone", || cluster.ask(&left) == "0");
        night
    }

    fn databases(&self) -> String {
        self.owned.database.cluster.ask(&format!(
            "SELECT COALESCE(string_agg(datname, ' ' ORDER BY datname), '') FROM pg_database
             WHERE datname IN ('{}', '{}', '{}')",
            self.names.current, self.names.next, self.names.previous
        ))
    }

    /// Restores the next night, and swaps.
    async fn swap_to(&self, night: u32) -> Vec<String> {
        let mut swap = swap::prepare(&self.target(), Leftover::Drop, None).await.unwrap();
        fill(swap.next(), night).await;
        swap.finish().await.unwrap_or_else(|error| panic!("{error:?}"))
    }
}

trait Ask {
    fn ask(&self, sql: &str) -> String;
}

impl Ask for Cluster {
    fn ask(&self, sql: &str) -> String {
        let psql = self.psql("postgres").args(["--tuples-only", "--no-align", "--command", sql]);
        psql.succeed().stdout().trim_end().to_owned()
    }
}

async fn fill(next: &Target, night: u32) {
    let session = Session::connect(next, &SessionSettings::default()).await.unwrap();
    let sql =
        format!("CREATE TABLE public.night (n int); INSERT INTO public.night VALUES ({night})");
    session.execute(&sql).await.unwrap();
}

/// Everything that is copied, of one database.
const PROPERTIES: &str = "
    SELECT concat_ws(' | ', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate,
        datctype, to_jsonb(d) ->> 'datlocprovider', to_jsonb(d) ->> 'datlocale',
        to_jsonb(d) ->> 'daticulocale', datconnlimit, shobj_description(oid, 'pg_database'),
        (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(datacl) a),
        (SELECT string_agg(concat_ws(':', setrole::regrole,
            (SELECT string_agg(s, ',' ORDER BY s) FROM unnest(setconfig) s)), ',' ORDER BY setrole)
         FROM pg_db_role_setting WHERE setdatabase = d.oid),
        (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM pg_namespace, unnest(nspacl) a
         WHERE nspname = 'public'),
        (SELECT string_agg(concat_ws(':', defaclrole::regrole, defaclobjtype, defaclnamespace::regnamespace,
            defaclacl), ',' ORDER BY defaclobjtype, defaclnamespace) FROM pg_default_acl))
    FROM pg_database d WHERE datname = current_database()";

#[test]
fn new_database_has_the_olds_name_and_properties() {
    for major in versions() {
        block_on(async {
            let warehouse = Warehouse::new(cluster(major), "swap_whole", "CREATEDB").await;
            let (owned, name) = (&warehouse.owned, &warehouse.names.current);
            let analyst = fresh_name("swap_analyst");
            owned.database.execute(&format!("CREATE ROLE {analyst} LOGIN"));
            owned
                .execute(&format!(
                    "REVOKE ALL ON DATABASE \"{name}\" FROM PUBLIC;
                     GRANT CONNECT, CREATE ON DATABASE \"{name}\" TO {analyst} WITH GRANT OPTION;
                     REVOKE ALL ON SCHEMA public FROM PUBLIC;
                     GRANT USAGE ON SCHEMA public TO {analyst};
                     ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {analyst};
                     ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {analyst};
                     ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
                     ALTER DATABASE \"{name}\" SET search_path = public, \"odd, schema\", pg_catalog;
                     ALTER DATABASE \"{name}\" SET work_mem = '8MB';
                     ALTER DATABASE \"{name}\" SET application_name = 'it''s';
                     ALTER DATABASE \"{name}\" CONNECTION LIMIT 42;
                     COMMENT ON DATABASE \"{name}\" IS 'the warehouse''s';
                     ALTER ROLE {role} IN DATABASE \"{name}\" SET statement_timeout = '1h'",
                    role = owned.role
                ))
                .await;
            let before = owned.database.query(PROPERTIES);
            let reader = owned.session().await;
            let not_copied = warehouse.swap_to(2).await;
            assert_eq!(not_copied, Vec::<String>::new(), "{major}");
            assert_eq!(owned.database.query(PROPERTIES), before, "{major}");
            assert_eq!(warehouse.night(name), "2");
            assert_eq!(warehouse.night(&warehouse.names.previous), "1");
            // Sessions of the old one do not stay there unnoticed.
            assert!(reader.execute("SELECT 1").await.unwrap_err().is_connection_lost());
            // The analyst reads the new one like the old one.
            let url = owned.database.url().replace("user=postgres", &format!("user={analyst}"));
            let psql =
                crate::common::Tool::new(owned.database.cluster.server().bin_dir().join("psql"));
            psql.args(["-X", "-c", "SELECT n FROM public.night", &url]).succeed();
            // And the next night the same again.
            assert_eq!(warehouse.swap_to(3).await, Vec::<String>::new(), "{major}");
            assert_eq!(owned.database.query(PROPERTIES), before, "{major}");
            assert_eq!(warehouse.night(&warehouse.names.previous), "2");
            owned
                .database
                .execute(&format!("DROP DATABASE \"{}\" WITH (FORCE)", warehouse.names.previous));
            owned.database.execute(&format!("DROP OWNED BY {analyst}; DROP ROLE {analyst}"));
        });
    }
}

#[test]
fn half_finished_rename_is_completed_at_next_start() {
    block_on(async {
        let warehouse = Warehouse::new(cluster(15), "swap_halfway", "CREATEDB").await;
        let target = warehouse.target();
        assert_eq!(swap::recover(&target).await.unwrap(), Recovered::Nothing);
        let swap = swap::prepare(&target, Leftover::Drop, None).await.unwrap();
        fill(swap.next(), 2).await;
        // A run that died before the renaming has left a database, and the old one is in place.
        assert_eq!(swap::recover(&target).await.unwrap(), Recovered::Nothing);
        let Names { current, next, previous } = &warehouse.names;
        let rename = |from: &str, to: &str| {
            let sql = format!("ALTER DATABASE \"{from}\" RENAME TO \"{to}\"");
            warehouse.owned.database.cluster.ask(&sql);
        };
        rename(current, previous);
        assert_eq!(swap::recover(&target).await.unwrap(), Recovered::Finished);
        assert_eq!((warehouse.night(current), warehouse.night(previous)), ("2".into(), "1".into()));
        assert_eq!(swap::recover(&target).await.unwrap(), Recovered::Nothing);
        // Without a new one, the old one gets its name back.
        warehouse.owned.database.cluster.ask(&format!("DROP DATABASE \"{previous}\""));
        rename(current, previous);
        assert_eq!(swap::recover(&target).await.unwrap(), Recovered::Undone);
        assert_eq!(warehouse.night(current), "2");
        assert_eq!(warehouse.databases(), *current);
        assert!(!next.is_empty());
    });
}

#[test]
fn missing_privilege_is_reported_before_any_change() {
    block_on(async {
        let warehouse = Warehouse::new(cluster(15), "swap_forbidden", "").await;
        let error = swap::prepare(&warehouse.target(), Leftover::Drop, None).await.unwrap_err();
        assert!(
            matches!(error, SwapError::NotPermitted { .. }) && error.retry() == Retry::Never,
            "{error}"
        );
        assert!(
            error.to_string().ends_with("the role may not create databases (it lacks CREATEDB)"),
            "{error}"
        );
        let role = &warehouse.owned.role;
        warehouse.owned.database.execute(&format!(
            "ALTER ROLE {role} CREATEDB; ALTER DATABASE \"{}\" OWNER TO postgres",
            warehouse.names.current
        ));
        let error = swap::prepare(&warehouse.target(), Leftover::Drop, None).await.unwrap_err();
        assert!(error.to_string().contains("it belongs to postgres"), "{error}");
        assert_eq!(warehouse.databases(), warehouse.names.current);
        warehouse
            .owned
            .database
            .execute(&format!("ALTER DATABASE \"{}\" OWNER TO {role}", warehouse.names.current));
    });
}

#[test]
fn abandoned_swap_leaves_only_the_old_database() {
    block_on(async {
        let warehouse =
            Warehouse::new(cluster(15), &format!("swap_{}", "x".repeat(45)), "CREATEDB").await;
        let swap = swap::prepare(&warehouse.target(), Leftover::Drop, None).await.unwrap();
        assert_eq!(swap.next().dbname(), warehouse.names.next);
        assert_eq!(swap.names().next.len(), 63);
        fill(swap.next(), 2).await;
        // A run that resumes finds what it had.
        let again = swap::prepare(&warehouse.target(), Leftover::Reuse, None).await.unwrap();
        assert_eq!(warehouse.night(&warehouse.names.next), "2");
        drop(again);
        let fresh = swap::prepare(&warehouse.target(), Leftover::Drop, None).await.unwrap();
        fill(fresh.next(), 3).await;
        fresh.abandon().await.unwrap();
        assert_eq!(warehouse.databases(), warehouse.names.current);
        assert_eq!(warehouse.night(&warehouse.names.current), "1");
    });
}

#[test]
fn unkillable_sessions_are_named_and_nothing_is_renamed() {
    block_on(async {
        let warehouse = Warehouse::new(cluster(15), "swap_in_use", "CREATEDB").await;
        let mut swap = swap::prepare(&warehouse.target(), Leftover::Drop, None).await.unwrap();
        fill(swap.next(), 2).await;
        let url = warehouse.owned.database.url();
        let options = nocturne::server::ConnectOptions { dbname: Some(url), ..Default::default() };
        let superuser = Target::resolve(&options, &|_| None).unwrap();
        let superuser = Session::connect(&superuser, &SessionSettings::default()).await.unwrap();
        superuser.execute("SET application_name = 'dashboard'").await.unwrap();
        let error = swap.finish().await.unwrap_err();
        let said = error.to_string();
        assert!(
            matches!(error, SwapError::InUse { .. }) && error.retry() != Retry::Never,
            "{said}"
        );
        assert!(
            said.contains("it is in use by process ") && said.ends_with(" of postgres (dashboard)"),
            "{said}"
        );
        superuser.execute("SELECT n FROM public.night").await.unwrap();
        assert_eq!(warehouse.night(&warehouse.names.current), "1");
        drop(superuser);
        let gone = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dashboard'";
        let cluster = warehouse.owned.database.cluster;
        until("the dashboard is gone", || cluster.ask(gone) == "0").await;
        // The same swap can be retried.
        swap.finish().await.unwrap();
        assert_eq!(warehouse.night(&warehouse.names.current), "2");
    });
}

#[test]
fn database_recreated_by_another_run_is_left_untouched() {
    block_on(async {
        let warehouse = Warehouse::new(cluster(15), "swap_anew", "CREATEDB").await;
        let mut first = swap::prepare(&warehouse.target(), Leftover::Drop, None).await.unwrap();
        fill(first.next(), 2).await;
        let second = swap::prepare(&warehouse.target(), Leftover::Drop, None).await.unwrap();
        fill(second.next(), 3).await;
        let error = first.finish().await.unwrap_err();
        assert!(
            matches!(error, SwapError::Replaced { .. }) && error.retry() != Retry::Never,
            "{error}"
        );
        assert_eq!(warehouse.night(&warehouse.names.current), "1");
        first.abandon().await.unwrap_err();
        assert_eq!(warehouse.night(&warehouse.names.next), "3");
        second.abandon().await.unwrap();
        assert_eq!(warehouse.databases(), warehouse.names.current);
    });
}

#[test]
fn reconnecting_clients_do_not_block_the_swap() {
    block_on(async {
        let warehouse = Warehouse::new(cluster(15), "swap_pool", "CREATEDB").await;
        let over = AtomicBool::new(false);
        let pool = async {
            let target = warehouse.target();
            let mut refused = 0;
            while !over.load(Ordering::Relaxed) {
                // At the moment of the renaming no database has this name.
                match Session::connect(&target, &SessionSettings::default()).await {
                    Ok(session) => {
                        while session.execute("SELECT 1").await.is_ok()
                            && !over.load(Ordering::Relaxed)
                        {}
                    }
                    Err(_) => refused += 1,
                }
            }
            refused
        };
        let swap = async {
            let not_copied = warehouse.swap_to(2).await;
            over.store(true, Ordering::Relaxed);
            not_copied
        };
        let (_, not_copied) = tokio::join!(pool, swap);
        assert_eq!(not_copied, Vec::<String>::new());
        assert_eq!(warehouse.night(&warehouse.names.current), "2");
    });
}

#[test]
fn refused_default_privileges_are_one_line() {
    block_on(async {
        let warehouse = Warehouse::new(cluster(15), "swap_defaults", "CREATEDB").await;
        let database = &warehouse.owned.database;
        let analyst = fresh_name("swap_defaults");
        database.execute(&format!(
            "CREATE ROLE {analyst};
             ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {analyst};
             ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO {analyst};
             ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
             CREATE SCHEMA one; CREATE SCHEMA \"Two\";
             ALTER DEFAULT PRIVILEGES IN SCHEMA one GRANT ALL ON TABLES TO {analyst};
             ALTER DEFAULT PRIVILEGES IN SCHEMA \"Two\" GRANT ALL ON TABLES TO {analyst}"
        ));
        let not_copied = warehouse.swap_to(2).await;
        let [schemas, refused] = &not_copied[..] else { panic!("{not_copied:?}") };
        assert!(schemas.contains("in the schemas \"Two\", one, which"), "{schemas}");
        for kind in ["TABLES", "SEQUENCES", "FUNCTIONS"] {
            let said = format!("default privileges of postgres on {kind}");
            assert_eq!(refused.matches(&said).count(), 1, "{refused}");
        }
        let previous = &warehouse.names.previous;
        let cluster = database.cluster;
        cluster.psql(previous).args(["-c", &format!("DROP OWNED BY {analyst}")]).succeed();
        database.execute(&format!("DROP ROLE {analyst}"));
    });
}
