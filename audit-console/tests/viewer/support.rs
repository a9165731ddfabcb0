//! Logs on both stores, the pages over them, and a client that speaks HTTP over a socket.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use audit_console::viewer;
use audit_core::batch::Freezer;
use audit_core::seal::Sealer;
use audit_core::signing::SigningKey;
use audit_core::store::{self, Schema};
use audit_core::{ActionName, Actor, Auditor, Entry, EntryBuilder, Migrate, Target, WriterGuard};
use axum::Router;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;
use tests::postgres::{Database, server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// For a whole answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A log, up to date, and the URL of somebody who may read it and no more.
pub(crate) struct Log {
    pub(crate) reader: String,
    writer: String,
    /// Whoever may do everything.
    pub(crate) owner: String,
    place: Place,
}

enum Place {
    File { _folder: TempDir },
    Server { database: Database<'static> },
}

impl Log {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("audit.db").display());
        store::open(&url, &Schema::default()).unwrap().migrate().await.unwrap();
        Self { reader: url.clone(), writer: url.clone(), owner: url, place: Place::File { _folder: folder } }
    }

    pub(crate) async fn postgres() -> Self {
        let database = server().database().await;
        store::open(&database.url(), &Schema::default()).unwrap().migrate().await.unwrap();
        let (reader, writer) = (database.url_as("audit_reader").await, database.url_as("audit_writer").await);
        Self { reader, writer, owner: database.url(), place: Place::Server { database } }
    }

    /// One on each store.
    pub(crate) async fn both() -> [Self; 2] {
        [Self::sqlite().await, Self::postgres().await]
    }

    pub(crate) async fn hold(&self, entries: Vec<Entry>) {
        self.hold_next(&mut Freezer::new(), entries).await;
    }

    /// Lands entries as the next batch of a stream.
    pub(crate) async fn hold_next(&self, stream: &mut Freezer, entries: Vec<Entry>) {
        let store = store::open(&self.writer, &Schema::default()).unwrap();
        let batch = stream.freeze(entries, SystemTime::now());
        store.connect().await.unwrap().land(&batch).await.unwrap();
    }

    /// Puts everything into the tree, and signs it if there is a key.
    pub(crate) async fn seal(&self, key: Option<&SigningKey>) {
        let sealer = Sealer::new(&self.owner, &Schema::default()).unwrap();
        let mut sealer = match key {
            Some(key) => sealer.signer(key.clone()),
            None => sealer,
        };
        sealer.once().await.unwrap();
    }

    /// Changes what is stored, as somebody who takes the guards off.
    pub(crate) async fn tamper(&self, change: &str) {
        match &self.place {
            Place::Server { database } => {
                let off = "SET search_path = control_plane; ALTER TABLE audit_logs DISABLE TRIGGER ALL";
                database.execute(&format!("BEGIN; {off}; {change}; COMMIT")).await;
            }
            Place::File { .. } => {
                let mut connection = SqliteConnection::connect(&self.owner).await.unwrap();
                let guards = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%RAISE(%'";
                let guards: Vec<String> = sqlx::query_scalar(guards).fetch_all(&mut connection).await.unwrap();
                for guard in guards {
                    let off = format!("DROP TRIGGER {guard}");
                    sqlx::raw_sql(AssertSqlSafe(off)).execute(&mut connection).await.unwrap();
                }
                sqlx::raw_sql(AssertSqlSafe(change.to_owned())).execute(&mut connection).await.unwrap();
            }
        }
    }

    /// Its pages as a user of PostgreSQL sees them, who has the rights that these statements give.
    pub(crate) async fn site_of(&self, user: &str, rights: &str) -> Site {
        let database = self.database();
        let url = database.user(user, "").await;
        database.execute(rights).await;
        Site::serve(viewer::router(viewer::Log::connect(&url, &Schema::default()).await.unwrap())).await
    }

    /// Where it is in PostgreSQL.
    pub(crate) fn database(&self) -> &Database<'static> {
        let Place::Server { database } = &self.place else { panic!("it is a file") };
        database
    }

    /// Its pages, under no prefix.
    pub(crate) async fn site(&self) -> Site {
        Site::serve(self.router().await).await
    }

    /// Its pages, each look at which is recorded.
    pub(crate) async fn watched_site(&self) -> (Site, WriterGuard) {
        let builder = Auditor::builder().url(&self.writer).migrate(Migrate::Skip).linger(Duration::ZERO);
        let writer = builder.start().await.unwrap();
        let log = viewer::Log::connect(&self.reader, &Schema::default()).await.unwrap();
        (Site::serve(viewer::router(log.recording(writer.auditor().clone()))).await, writer)
    }

    pub(crate) async fn router(&self) -> Router {
        viewer::router(viewer::Log::connect(&self.reader, &Schema::default()).await.unwrap())
    }
}

/// Something that `user_123` did to `proj_456`, so many seconds ago.
pub(crate) fn entry(action: &str, seconds_ago: u64) -> EntryBuilder {
    let time = SystemTime::now() - Duration::from_secs(seconds_ago);
    Entry::builder(ActionName::unlisted(action).unwrap())
        .target(Target::project("proj_456"))
        .actor(Actor::user("user_123"))
        .created_at(time)
}

/// Pages that are served on this machine.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
}

impl Site {
    pub(crate) async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "").await
    }

    /// One request and its whole answer. HTTP/1.0 is answered in one piece.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = self.open(method, path, headers, body).await;
        let mut bytes = Vec::new();
        let end = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
        end.unwrap_or_else(|_| panic!("{path} is answered without an end")).unwrap();
        Answer::parse(&bytes)
    }

    /// Sends a request; what comes back is to be read.
    pub(crate) async fn open(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let host = if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let request = format!("{method} {path} HTTP/1.0\r\n{host}{headers}{length}\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: String,
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let (first, headers) = head.split_once("\r\n").unwrap();
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, headers: headers.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// Its headers, but the time.
    pub(crate) fn about(&self) -> Vec<&str> {
        let mut lines: Vec<_> = self.headers.lines().filter(|line| !line.starts_with("date: ")).collect();
        lines.sort_unstable();
        lines
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.body.contains(text), "`{text}` is not in: {}", self.body);
        self
    }

    /// The targets of the entries on the page, in their order.
    pub(crate) fn targets(&self) -> Vec<String> {
        let list = self.body.split_once("id=\"entries\"").unwrap().1.split_once("</ol>").unwrap().0;
        let sentences = list.split("<span class=\"kind\">project</span> <b>").skip(1);
        sentences.map(|rest| rest.split_once("</b>").unwrap().0.to_owned()).collect()
    }

    /// The address of the link that is shown so, as a browser would follow it from `/entries`.
    pub(crate) fn link(&self, text: &str) -> Option<String> {
        let before = self.body.split_once(&format!(">{text}</a>"))?.0;
        let address = before.rsplit_once("href=\"")?.1.split_once('"')?.0;
        Some(format!("/{}", address.replace("&#38;", "&")))
    }
}
