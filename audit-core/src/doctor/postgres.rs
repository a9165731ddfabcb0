//! Looks at a log in PostgreSQL.

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::examine::migrations;
use super::finding::{GAPS_OF_DAYS, Gap};
use super::{Finding, Level};
use crate::migrate::Options;
use crate::store::postgres::{address, close, connect_bare, store_error};
use crate::store::{ErrorClass, StoreError};

const FIRST_VERSION: i32 = 150_000;
/// Planning over more partitions costs more than reading them, and takes a lock for each.
const MOST_PARTITIONS: usize = 60;
/// What the interval `auto` keeps a partition below, as `0015_partition_interval_auto.sql` says.
const MOST_ROWS: i64 = 5_000_000;
/// An interval is too long where a partition holds so many times as much,
const FAR_MORE: i64 = 4;
/// and too short where the next longer one would still hold such a part of it, and there are as many partitions as readers feel.
const FAR_LESS: i64 = 10;
const MANY_PARTITIONS: i64 = 30;
const ROLES: [&str; 7] = ["owner", "writer", "drainer", "sealer", "signer", "reader", "admin"];

pub(super) async fn examine(url: &str, options: &Options) -> Vec<Finding> {
    let server = match address::parse(url) {
        Ok(server) => server,
        Err(error) => return vec![Finding::red("reach", error.to_string(), "correct DATABASE_URL")],
    };
    let connection = match connect_bare(&server, "audit-doctor").await {
        Ok(connection) => connection,
        Err(error) => return vec![unreachable(&error)],
    };
    let mut checks = Checks { connection, server: &server, options };
    let mut findings = checks.server().await;
    let migrated = migrations(url, options).await;
    let is_migrated = migrated.level == Level::Green;
    findings.push(migrated);
    if is_migrated {
        findings.push(checks.privileges().await);
        findings.push(checks.roles().await);
        findings.push(checks.guards().await);
        findings.push(checks.partitions().await);
        findings.extend(checks.interval().await);
        findings.extend(checks.dead_letters().await);
        findings.extend(checks.gaps().await);
        findings.extend(checks.sealing().await);
    }
    close(checks.connection).await;
    findings
}

fn unreachable(error: &StoreError) -> Finding {
    let advice = match error.class() {
        ErrorClass::Transient => "start the server, or correct host, port and sslmode in DATABASE_URL",
        _ => "correct user, password, database and sslmode in DATABASE_URL",
    };
    Finding::red("reach", error.to_string(), advice)
}

/// What an interval comes to: as it is set, the one that partitions to come get, the rows of the busiest day, and how many
/// partitions there are by now.
fn of_interval(set: &str, step: &str, busiest: i64, partitions: i64) -> Finding {
    const CHECK: &str = "interval";
    let in_a = |step: &str| match step {
        "hour" => busiest / 24,
        "day" => busiest,
        "week" => busiest.saturating_mul(7),
        _ => busiest.saturating_mul(30),
    };
    let (rows, longer) = (in_a(step), if step == "hour" { "day" } else { "week" });
    let holds = format!("a partition to come holds a {step}, about {rows} rows at the rate of the busiest day");
    if rows > FAR_MORE * MOST_ROWS && step != "hour" {
        let advice = if set == "auto" {
            "keep entries for a shorter time, and set auto with it: audit retention interval auto --keep AGE"
        } else {
            "storing slows down as a partition grows: audit retention interval auto --keep AGE, or a shorter interval"
        };
        return Finding::yellow(CHECK, holds, advice);
    }
    let is_short = set == step && matches!(step, "hour" | "day");
    if is_short && partitions >= MANY_PARTITIONS && (1..MOST_ROWS / FAR_LESS).contains(&in_a(longer)) {
        let advice = format!(
            "reading asks {partitions} partitions: audit retention interval {longer} --keep AGE, unless what is old has to go by the {step}"
        );
        return Finding::yellow(CHECK, holds, advice);
    }
    Finding::green(CHECK, holds)
}

struct Checks<'a> {
    connection: PgConnection,
    server: &'a PgConnectOptions,
    options: &'a Options,
}

impl Checks<'_> {
    /// Who we are there, and what the server is.
    async fn server(&mut self) -> Vec<Finding> {
        let question = "SELECT current_user::text, current_setting('server_version_num')::int,
                               current_setting('server_version'), current_setting('server_encoding')";
        let row = match self.one(question).await {
            Ok(row) => row,
            Err(error) => return vec![unreachable(&error)],
        };
        let (user, number, version, encoding): (String, i32, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        vec![
            Finding::green("reach", format!("{} as {user}", address::describe(self.server))),
            if number >= FIRST_VERSION {
                Finding::green("version", format!("PostgreSQL {version}"))
            } else {
                Finding::red("version", format!("PostgreSQL {version} is too old"), "use version 15 or later")
            },
            if encoding == "UTF8" {
                Finding::green("encoding", encoding)
            } else {
                let advice = "create a database with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0";
                Finding::red(
                    "encoding",
                    format!("the database is encoded in {encoding}, and the log needs UTF8"),
                    advice,
                )
            },
        ]
    }

    /// What this user may do, and whether that is more than it should.
    async fn privileges(&mut self) -> Finding {
        const CHECK: &str = "privileges";
        let (schema, prefix) = (self.options.schema().quoted(), self.options.role_prefix());
        let question = format!(
            "SELECT current_user::text,
                    has_column_privilege('{schema}.audit_logs', 'id', 'INSERT')
                        AND has_column_privilege('{schema}.audit_batches', 'batch_no', 'INSERT')
                        AND has_function_privilege('{schema}.audit_ensure_partition(timestamptz)', 'EXECUTE'),
                    has_table_privilege('{schema}.audit_logs', 'SELECT'),
                    (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
                        OR has_table_privilege('{schema}.audit_logs', 'TRIGGER')"
        );
        let row = match self.one(&question).await {
            Ok(row) => row,
            Err(error) => return Finding::unseen(CHECK, &error),
        };
        let (user, writes, reads, rules): (String, bool, bool, bool) = (row.get(0), row.get(1), row.get(2), row.get(3));
        let may = match (writes, reads) {
            (true, true) => "may write and read",
            (true, false) => "may write, and not read",
            (false, true) => "may read, and not write",
            (false, false) => {
                let message = format!("{user} may neither write nor read the log");
                return Finding::red(CHECK, message, format!("GRANT {prefix}_writer TO {user}, or {prefix}_reader"));
            }
        };
        if rules {
            let message = format!("{user} {may}, and may also remove the guards");
            let advice =
                format!("let programs connect as a user who is only a member of {prefix}_writer or {prefix}_reader");
            return Finding::yellow(CHECK, message, advice);
        }
        Finding::green(CHECK, format!("{user} {may}"))
    }

    async fn roles(&mut self) -> Finding {
        const CHECK: &str = "roles";
        let (schema, prefix) = (self.options.schema().quoted(), self.options.role_prefix());
        let names = ROLES.map(|role| format!("'{prefix}_{role}'")).join(", ");
        let question = format!("SELECT name FROM unnest(ARRAY[{names}]) name WHERE to_regrole(name) IS NULL");
        match self.list(&question).await {
            Ok(absent) if absent.is_empty() => self.grants().await,
            Ok(absent) => {
                let message = format!("there is no {}: the guards against change stand alone", absent.join(", "));
                let advice = format!("as a user who may make roles, run: SELECT {schema}.audit_grant_roles()");
                Finding::yellow(CHECK, message, advice)
            }
            Err(error) => Finding::unseen(CHECK, &error),
        }
    }

    /// Roles belong to the whole cluster: another database may have made them, and this one granted them nothing.
    async fn grants(&mut self) -> Finding {
        const CHECK: &str = "roles";
        let (schema, prefix) = (self.options.schema().quoted(), self.options.role_prefix());
        let question = format!(
            "SELECT lacking FROM (VALUES
                 ('{prefix}_owner does not own audit_logs',
                  (SELECT relowner = to_regrole('{prefix}_owner') FROM pg_catalog.pg_class
                    WHERE oid = to_regclass('{schema}.audit_logs'))),
                 ('{prefix}_writer may not write',
                  has_schema_privilege('{prefix}_writer', to_regnamespace('{schema}'), 'USAGE')
                      AND has_column_privilege('{prefix}_writer', '{schema}.audit_logs', 'id', 'INSERT')),
                 ('{prefix}_reader may not read',
                  has_schema_privilege('{prefix}_reader', to_regnamespace('{schema}'), 'USAGE')
                      AND has_table_privilege('{prefix}_reader', '{schema}.audit_logs', 'SELECT'))
             ) asked (lacking, granted) WHERE granted IS NOT TRUE"
        );
        match self.list(&question).await {
            Ok(lacking) if lacking.is_empty() => {
                Finding::green(CHECK, format!("all of {prefix}_* are there, with what this database grants them"))
            }
            Ok(lacking) => {
                let message = format!("in this database {}", lacking.join(", "));
                Finding::yellow(CHECK, message, format!("as a superuser, run: SELECT {schema}.audit_grant_roles()"))
            }
            Err(error) => Finding::unseen(CHECK, &error),
        }
    }

    async fn guards(&mut self) -> Finding {
        const CHECK: &str = "guards";
        let schema = self.options.schema().quoted();
        let question = format!(
            "SELECT guarded.relname || ' lacks ' || guard
               FROM unnest(ARRAY['audit_forbid_change', 'audit_forbid_truncate']) guard
              CROSS JOIN (SELECT oid, relname::text FROM pg_catalog.pg_class
                           WHERE relnamespace = to_regnamespace('{schema}')
                             AND relname IN ('audit_logs', 'audit_batches', 'audit_tree', 'audit_checkpoints',
                                             'audit_prunings', 'audit_pruned_leaves')
                           UNION ALL
                          SELECT c.oid, c.relname::text
                            FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
                           WHERE i.inhparent = to_regclass('{schema}.audit_logs')) guarded
              WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t
                                 WHERE t.tgrelid = guarded.oid AND t.tgname = guard AND t.tgenabled = 'A')
              ORDER BY 1"
        );
        match self.list(&question).await {
            Ok(lacking) if lacking.is_empty() => {
                Finding::green(CHECK, "UPDATE, DELETE and TRUNCATE are refused to everybody")
            }
            Ok(lacking) => {
                let message = format!("not every table refuses changes always: {}", lacking.join(", "));
                Finding::red(CHECK, message, "find out who changed the triggers, then ENABLE ALWAYS or make them again")
            }
            Err(error) => Finding::unseen(CHECK, &error),
        }
    }

    async fn partitions(&mut self) -> Finding {
        const CHECK: &str = "partitions";
        let question = format!(
            "SELECT lower_bound, upper_bound, now() FROM {}.audit_partitions() ORDER BY lower_bound",
            self.options.schema().quoted()
        );
        let partitions: Vec<(DateTime<Utc>, DateTime<Utc>, DateTime<Utc>)> = match self.all(&question).await {
            Ok(rows) => rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect(),
            Err(error) => return Finding::unseen(CHECK, &error),
        };
        let count = partitions.len();
        let Some((first, _, now)) = partitions.first() else {
            return Finding::green(CHECK, "none yet: the first writer makes them");
        };
        let current = partitions.iter().find(|(lower, upper, _)| lower <= now && now < upper);
        let is_next = |end: DateTime<Utc>| partitions.iter().any(|(lower, _, _)| *lower == end);
        match current {
            None => {
                Finding::yellow(CHECK, "there is none for rows of now", "start a writer: it makes them ahead of time")
            }
            Some((_, end, _)) if !is_next(*end) => {
                let message = format!("there is none for rows after {}", end.format("%F %R UTC"));
                Finding::yellow(CHECK, message, "start a writer: it makes them ahead of time, once an hour")
            }
            Some(_) if count > MOST_PARTITIONS => {
                let message = format!("{count} of them, which makes reading slow beyond {MOST_PARTITIONS}");
                Finding::yellow(CHECK, message, "keep entries for a shorter time, or make partitions longer")
            }
            Some(_) => Finding::green(
                CHECK,
                format!("{count}, from {} on, the current and the next among them", first.format("%F")),
            ),
        }
    }

    /// Whether partitions hold far more or far less than they should; nothing where this user may not see it, which a writer need not.
    async fn interval(&mut self) -> Option<Finding> {
        const CHECK: &str = "interval";
        let schema = self.options.schema().quoted();
        let may_see = format!(
            "SELECT has_table_privilege('{schema}.audit_settings', 'SELECT')
                AND has_function_privilege('{schema}.audit_busiest_day()', 'EXECUTE')
                AND has_function_privilege('{schema}.audit_partition_step()', 'EXECUTE')"
        );
        let question = format!(
            "SELECT partition_interval, {schema}.audit_partition_step(), {schema}.audit_busiest_day(),
                    (SELECT count(*) FROM {schema}.audit_partitions() WHERE lower_bound <= now())
               FROM {schema}.audit_settings"
        );
        let found = match self.one(&may_see).await {
            Ok(row) if !row.get::<bool, _>(0) => return None,
            Ok(_) => self.one(&question).await,
            Err(error) => Err(error),
        };
        Some(match found {
            Ok(row) => of_interval(row.get(0), row.get(1), row.get(2), row.get(3)),
            Err(error) => Finding::unseen(CHECK, &error),
        })
    }

    async fn list(&mut self, question: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.all(question).await?.iter().map(|row| row.get(0)).collect())
    }

    /// How many rows were refused; nothing where this user may not see them, which a writer need not.
    async fn dead_letters(&mut self) -> Option<Finding> {
        let table = format!("{}.audit_dead_letters", self.options.schema().quoted());
        let may_read = format!("SELECT has_table_privilege('{table}', 'SELECT')");
        let count = format!("SELECT count(*) FROM {table}");
        let found = match self.one(&may_read).await {
            Ok(row) if !row.get::<bool, _>(0) => return None,
            Ok(_) => self.one(&count).await,
            Err(error) => Err(error),
        };
        Some(match found {
            Ok(row) => Finding::of_dead_letters(row.get(0)),
            Err(error) => Finding::unseen("refused", &error),
        })
    }

    /// What was dropped lately; nothing where this user may not read the log, which a writer need not.
    async fn gaps(&mut self) -> Option<Finding> {
        let table = format!("{}.audit_logs", self.options.schema().quoted());
        let may_read = format!("SELECT has_table_privilege('{table}', 'SELECT')");
        let question = format!(
            "SELECT coalesce(metadata ->> 'reason', ''), coalesce(sum((metadata ->> 'dropped')::bigint), 0)::bigint,
                    count(*) FILTER (WHERE metadata ->> 'dropped' IS NULL)
               FROM {table} WHERE action = 'audit.gap' AND created_at > now() - interval '{GAPS_OF_DAYS} days'
              GROUP BY 1 ORDER BY 1"
        );
        let found = match self.one(&may_read).await {
            Ok(row) if !row.get::<bool, _>(0) => return None,
            Ok(_) => self.all(&question).await,
            Err(error) => Err(error),
        };
        Some(match found {
            Ok(rows) => {
                let gaps =
                    rows.iter().map(|row| Gap { reason: row.get(0), dropped: row.get(1), uncounted: row.get(2) });
                Finding::of_gaps(&gaps.collect::<Vec<_>>())
            }
            Err(error) => Finding::unseen("gaps", &error),
        })
    }

    /// How far the log is sealed; nothing where this user may not see it, which a writer need not.
    async fn sealing(&mut self) -> Option<Finding> {
        let schema = self.options.schema().quoted();
        let may_read = format!(
            "SELECT has_table_privilege('{schema}.audit_batches', 'SELECT') AND has_table_privilege('{schema}.audit_tree', 'SELECT')
                AND has_table_privilege('{schema}.audit_checkpoints', 'SELECT')"
        );
        // What is below the watermark of the newest checkpoint is in the tree.
        let question = format!(
            "SELECT (SELECT count(*) FROM {schema}.audit_batches b
                      WHERE b.xid >= coalesce((SELECT watermark FROM {schema}.audit_checkpoints ORDER BY size DESC LIMIT 1), '0')
                        AND b.db_time < now() - interval '1 minute'
                        AND NOT EXISTS (SELECT FROM {schema}.audit_tree t
                                         WHERE t.stream_id = b.stream_id AND t.batch_no = b.batch_no)),
                    (SELECT max(size) FROM {schema}.audit_checkpoints),
                    (SELECT extract(epoch FROM now() - b.db_time)::bigint
                       FROM {schema}.audit_tree t JOIN {schema}.audit_batches b USING (stream_id, batch_no)
                      WHERE t.leaf = (SELECT max(size) FROM {schema}.audit_checkpoints))"
        );
        let found = match self.one(&may_read).await {
            Ok(row) if !row.get::<bool, _>(0) => return None,
            Ok(_) => self.one(&question).await,
            Err(error) => Err(error),
        };
        Some(match found {
            Ok(row) => Finding::of_sealing(row.get(0), row.get(1), row.get(2)),
            Err(error) => Finding::unseen("sealing", &error),
        })
    }

    /// Unprepared, as all questions are: behind a pooler the answer may come from another session than was told of the question.
    async fn one(&mut self, question: &str) -> Result<PgRow, StoreError> {
        let row = sqlx::raw_sql(AssertSqlSafe(question)).fetch_one(&mut self.connection).await;
        row.map_err(|error| self.failed(error))
    }

    async fn all(&mut self, question: &str) -> Result<Vec<PgRow>, StoreError> {
        let rows = sqlx::raw_sql(AssertSqlSafe(question)).fetch_all(&mut self.connection).await;
        rows.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        store_error(format!("cannot examine {}", address::describe(self.server)), error)
    }
}
