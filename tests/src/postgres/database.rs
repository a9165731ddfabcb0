//! A test's own database.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use sqlx::postgres::Postgres;
use sqlx::{AssertSqlSafe, Connection as _, Decode, PgConnection, Type};

use super::binaries;
use super::server::Server;

/// A test's own database, which goes with its server.
#[derive(Debug)]
pub struct Database<'s> {
    server: &'s Server,
    name: String,
}

impl<'s> Database<'s> {
    /// The one that every server has.
    pub(super) fn maintenance(server: &'s Server) -> Self {
        Self { server, name: "postgres".to_owned() }
    }

    pub(super) async fn create(server: &'s Server, name: String, how: &str) -> Self {
        let maintenance = Self::maintenance(server);
        maintenance.execute(&format!("CREATE DATABASE {name} {how}")).await;
        Self { server, name }
    }

    /// A database that is stored in a folder, by a tablespace.
    pub(super) async fn create_in(server: &'s Server, name: String, folder: &Path) -> Self {
        Server::give(folder);
        let maintenance = Self::maintenance(server);
        maintenance.execute(&format!("CREATE TABLESPACE of_{name} LOCATION '{}'", folder.display())).await;
        Self::create(server, name.clone(), &format!("TABLESPACE of_{name}")).await
    }

    /// The server that holds it.
    #[must_use]
    pub const fn server(&self) -> &'s Server {
        self.server
    }

    /// The same database where it has been copied to.
    #[must_use]
    pub fn at<'o>(&self, other: &'o Server) -> Database<'o> {
        Database { server: other, name: self.name.clone() }
    }

    /// The URL of its superuser, over loopback.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The same through the Unix socket.
    #[must_use]
    pub fn socket_url(&self) -> String {
        format!("{}?host={}", self.url(), self.server.socket_folder().display())
    }

    /// The URL of a user who has this role's privileges and no others.
    pub async fn url_as(&self, role: &str) -> String {
        let user = format!("{role}_login");
        self.create_user(&user, &format!("IN ROLE {role}")).await;
        self.url_of(&user)
    }

    /// Makes a user unless there is one, with attributes such as `CREATEROLE`, and gives back the URL.
    pub async fn user(&self, name: &str, attributes: &str) -> String {
        self.create_user(name, attributes).await;
        self.url_of(name)
    }

    /// Connects as the superuser.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.expect("the server takes connections")
    }

    /// Runs statements as the superuser.
    pub async fn execute(&self, sql: &str) {
        self.try_execute(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    /// Runs statements as the superuser, who may be refused.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn try_execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        execute_at(&self.url(), sql).await
    }

    /// Sets a configuration parameter for sessions to come.
    pub async fn set(&self, parameter: &str, value: &str) {
        // Also where the parameter says that nobody may write.
        let sql = format!("BEGIN READ WRITE; ALTER DATABASE {} SET {parameter} = '{value}'; COMMIT", self.name);
        self.execute(&sql).await;
    }

    /// The one value of a query, asked as the superuser.
    pub async fn value<T>(&self, sql: &str) -> T
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin,
    {
        let mut connection = self.connect().await;
        let value = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await;
        value.unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// What `pg_dump` makes of the tables that a pattern names, their rows included.
    #[must_use]
    pub fn dump(&self, tables: &str) -> Vec<u8> {
        self.pg_dump(&["--table", tables])
    }

    /// What `pg_dump` makes of everything, for [`Self::restore_all`].
    #[must_use]
    pub fn dump_all(&self) -> Vec<u8> {
        self.pg_dump(&["--format=custom"])
    }

    fn pg_dump(&self, arguments: &[&str]) -> Vec<u8> {
        let mut pg_dump = Command::new(binaries::folder().join("pg_dump"));
        let output = pg_dump.arg(self.url()).args(arguments).output().expect("pg_dump runs");
        assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Makes tables again out of what [`Self::dump`] gave.
    pub fn restore(&self, dump: &[u8]) {
        let psql = ["--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1", "--dbname"];
        self.feed("psql", &psql, dump);
    }

    /// Makes everything again out of what [`Self::dump_all`] gave, of this database or of another, where nothing of it is.
    pub fn restore_all(&self, dump: &[u8]) {
        self.feed("pg_restore", &["--single-transaction", "--dbname"], dump);
    }

    fn feed(&self, program: &str, arguments: &[&str], input: &[u8]) {
        let mut command = Command::new(binaries::folder().join(program));
        command.args(arguments).arg(self.url()).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().expect("it runs");
        child.stdin.take().expect("it is piped").write_all(input).expect("it reads");
        assert!(child.wait().expect("it is a child").success(), "{program} refuses the dump");
    }

    fn url_of(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{}", self.server.port(), self.name)
    }

    async fn create_user(&self, name: &str, attributes: &str) {
        // Users belong to the whole server, where another test may be making the same one.
        let sql = format!(
            "DO $$ BEGIN CREATE USER {name} {attributes};
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        self.execute(&sql).await;
    }
}

/// Runs statements at a URL.
///
/// # Errors
///
/// What the server says.
pub async fn execute_at(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map(drop)
}
