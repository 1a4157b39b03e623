//! A database owned by a dedicated role that is not a superuser, as hosts provide it.

use nocturne::server::{ConnectOptions, Session, SessionSettings, Target};

use super::cluster::{Cluster, Database};

/// A database and the role that owns it.
pub struct Owned<'a> {
    pub database: Database<'a>,
    pub role: String,
}

impl<'a> Owned<'a> {
    /// A new database, of a new role that may log in.
    pub fn new(cluster: &'a Cluster, name: &str) -> Self {
        Self::with(cluster, name, "")
    }

    /// The same, for a role with more attributes: `CREATEDB`.
    pub fn with(cluster: &'a Cluster, name: &str, attributes: &str) -> Self {
        let database = cluster.fresh_db(name);
        // As unique as that of the database.
        let role = format!("{}_owner", database.name);
        let create = format!("CREATE ROLE {role} LOGIN {attributes}");
        cluster.psql("postgres").args(["--command", &create]).succeed();
        database.execute(&format!("ALTER DATABASE \"{}\" OWNER TO {role}", database.name));
        database.execute(&format!("GRANT ALL ON SCHEMA public TO {role}"));
        Self { database, role }
    }

    /// The URL of the database for the role.
    pub fn url(&self) -> String {
        self.database.url().replace("user=postgres", &format!("user={}", self.role))
    }

    /// The database for the role.
    pub fn target(&self) -> Target {
        let options = ConnectOptions { dbname: Some(self.url()), ..ConnectOptions::default() };
        Target::resolve(&options, &|_| None).expect("the test's URL is valid")
    }

    /// A session of the role.
    pub async fn session(&self) -> Session {
        let session = Session::connect(&self.target(), &SessionSettings::default()).await;
        session.expect("the server accepts sessions")
    }

    /// Runs statements as the role.
    pub async fn execute(&self, sql: &str) {
        let session = self.session().await;
        session.execute("SET search_path = public").await.expect("setting search_path");
        session.execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}
