//! All of a log, as a superuser sees it.

use std::collections::{BTreeMap, HashSet};

use audit_core::store::Schema;
use audit_core::verify::verify;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::calls::{self, Calls};
use super::damage::Damage;
use super::{Verdict, judge};
use crate::journals::Record;

/// A batch's header.
#[derive(Debug, Clone)]
pub struct Header {
    /// Its stream.
    pub stream_id: Uuid,
    /// Its number within the stream.
    pub batch_no: i64,
    /// `entries`, `outbox`, `lost` …
    pub kind: String,
    /// `seq` of its first row.
    pub first_seq: i64,
    /// Number of rows.
    pub n: i32,
    /// The hash of the header before.
    pub prev_hash: Vec<u8>,
    /// The hash by which the next names this one; of a `lost` one that of the batch it stands for, or zeros.
    pub hash: Vec<u8>,
}

/// What tells one row from another.
#[derive(Debug, Clone, Copy)]
pub struct LogRow {
    /// The entry's id.
    pub id: Uuid,
    /// Its stream.
    pub stream_id: Uuid,
    /// Its place in the stream.
    pub seq: i64,
}

/// What an `audit.gap` entry tells.
#[derive(Debug, Clone, Copy)]
pub struct Gap {
    /// How many entries are lost, where it can tell.
    pub dropped: Option<i64>,
    /// The stream and the number of the batch that a damaged journal held.
    pub batch: Option<(Uuid, i64)>,
}

/// All of a log.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// By stream and number.
    pub headers: Vec<Header>,
    /// By stream and `seq`.
    pub rows: Vec<LogRow>,
    /// Refused rows: stream, `seq`, and the entry's id.
    pub dead_letters: Vec<LogRow>,
    /// What the `audit.gap` entries tell.
    pub gaps: Vec<Gap>,
    /// What `audit verify` would find, a sentence each.
    pub breaks: Vec<String>,
    /// How many entries there are of each call of [`Calls`].
    pub(super) calls: BTreeMap<Uuid, calls::Entries>,
    /// Which records of journals were damaged, where that is known.
    pub(super) damage: Option<Damage>,
}

impl Log {
    /// Reads the log of a database.
    pub async fn read(url: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.expect("the server takes connections");
        let headers = sqlx::query_as::<_, (Uuid, i64, String, i64, i32, Vec<u8>, Vec<u8>)>(
            "SELECT stream_id, batch_no, kind, first_seq, n, prev_hash,
                    CASE kind WHEN 'lost' THEN rows_root ELSE control_plane.audit_header_hash(stream_id, batch_no) END
               FROM control_plane.audit_batches ORDER BY stream_id, batch_no",
        )
        .fetch_all(&mut connection)
        .await
        .expect("the headers are there")
        .into_iter()
        .map(|(stream_id, batch_no, kind, first_seq, n, prev_hash, hash)| Header {
            stream_id,
            batch_no,
            kind,
            first_seq,
            n,
            prev_hash,
            hash,
        })
        .collect();
        let rows =
            places(&mut connection, "SELECT id, stream_id, seq FROM control_plane.audit_logs ORDER BY stream_id, seq");
        let rows = rows.await;
        let dead_letters = places(
            &mut connection,
            "SELECT (convert_from(encoded, 'UTF8')::jsonb ->> 'id')::uuid, d.stream_id, b.first_seq + d.idx
               FROM control_plane.audit_dead_letters d JOIN control_plane.audit_batches b USING (stream_id, batch_no)
              ORDER BY 2, 3",
        )
        .await;
        let gaps = sqlx::query_as::<_, (Option<i64>, Option<Uuid>, Option<i64>)>(
            "SELECT (metadata ->> 'dropped')::bigint, (metadata ->> 'stream_id')::uuid, (metadata ->> 'batch_no')::bigint
               FROM control_plane.audit_logs WHERE action = 'audit.gap'",
        )
        .fetch_all(&mut connection)
        .await
        .expect("the log is there")
        .into_iter()
        .map(|(dropped, stream_id, batch_no)| Gap { dropped, batch: stream_id.zip(batch_no) })
        .collect();
        let calls = calls::read(&mut connection).await;
        let report = verify(url, &Schema::default(), |_| ()).await.expect("the log can be read");
        let breaks = report.breaks.iter().map(ToString::to_string).collect();
        Self { headers, rows, dead_letters, gaps, breaks, calls, damage: None }
    }

    /// The log after damage to these records of journals, and to no others: what they held may be lost, as far as the log tells of
    /// it, and nothing else may.
    #[must_use]
    pub fn after_damage(self, records: Vec<Record>) -> Self {
        Self { damage: Some(Damage::of(records, &self.headers)), ..self }
    }

    /// Whether the log keeps what was promised to those whose entries were acknowledged.
    #[must_use]
    pub fn judge(&self, acknowledged: &HashSet<Uuid>) -> Verdict {
        self.judge_with(acknowledged, &HashSet::new())
    }

    /// [`Self::judge`], and whether nothing is there that was rolled back.
    #[must_use]
    pub fn judge_with(&self, acknowledged: &HashSet<Uuid>, withdrawn: &HashSet<Uuid>) -> Verdict {
        judge::judge(self, acknowledged, withdrawn)
    }

    /// Adds to a verdict whether the log keeps what was promised to calls.
    #[must_use]
    pub fn judge_calls(&self, calls: &Calls, mut verdict: Verdict) -> Verdict {
        let spared = self.damage.as_ref().map(|damage| damage.spares(calls));
        calls::judge(&self.calls, spared.as_ref().unwrap_or(calls), &mut verdict);
        verdict
    }
}

async fn places(connection: &mut PgConnection, sql: &'static str) -> Vec<LogRow> {
    let rows: Vec<(Uuid, Uuid, i64)> = sqlx::query_as(sql).fetch_all(connection).await.expect("the log is there");
    rows.into_iter().map(|(id, stream_id, seq)| LogRow { id, stream_id, seq }).collect()
}
