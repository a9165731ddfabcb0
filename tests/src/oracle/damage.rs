//! What may be lost, because the records that held it were damaged.

use std::collections::HashSet;

use uuid::Uuid;

use super::calls::Calls;
use super::{Header, Log, Verdict};
use crate::journals::{Record, RecordRow};

const NO_HASH: [u8; 32] = [0; 32];

/// All records of journals that were damaged, and what the log says is lost of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Damage {
    records: Vec<Record>,
    /// Entries of those in whose places there are `lost` headers.
    pub(super) lost: HashSet<Uuid>,
    /// Calls whose ends are among them, and those whose announcements are.
    calls: Calls,
    /// What those of them told that were `audit.gap` entries.
    pub(super) gaps: Vec<Option<i64>>,
}

impl Damage {
    pub(super) fn of(records: Vec<Record>, headers: &[Header]) -> Self {
        let lost: HashSet<_> = headers.iter().filter(|header| header.kind == "lost").map(place).collect();
        let mut damage = Self::default();
        for record in records.iter().filter(|record| record.places().iter().any(|place| lost.contains(place))) {
            record.rows.iter().for_each(|row| damage.lose(row));
        }
        Self { records, ..damage }
    }

    fn lose(&mut self, row: &RecordRow) {
        self.lost.insert(row.id);
        if row.action == "audit.gap" {
            self.gaps.push(row.metadata.get("dropped").and_then(serde_json::Value::as_i64));
        }
        if let Some(call) = row.target_id.as_ref().and_then(|id| id.parse().ok()) {
            let calls = if row.outcome == "attempted" { &mut self.calls.ran } else { &mut self.calls.ended };
            calls.insert(call);
        }
    }

    /// The promises to calls that damage did not break.
    pub(super) fn spares(&self, calls: &Calls) -> Calls {
        Calls { ended: &calls.ended - &self.calls.ended, ran: &calls.ran - &self.calls.ran }
    }
}

/// Nothing is lost but what was damaged, and of that nothing without a word.
pub(super) fn judge(log: &Log, damage: &Damage, verdict: &mut Verdict) {
    let mut broken = |what: String| verdict.faults.push(what);
    let lost = || log.headers.iter().filter(|header| header.kind == "lost");
    let damaged: HashSet<_> = damage.records.iter().flat_map(Record::places).collect();
    for (stream_id, batch_no) in lost().map(place).filter(|place| !damaged.contains(place)) {
        broken(format!("batch {batch_no} of stream {stream_id} is lost, though nobody damaged it"));
    }
    let there: HashSet<_> = log.rows.iter().chain(&log.dead_letters).map(|row| row.id).collect();
    for Record { stream_id, batch_no, rows, .. } in &damage.records {
        let gone = rows.iter().filter(|row| !there.contains(&row.id) && !damage.lost.contains(&row.id)).count();
        if gone > 0 {
            broken(format!(
                "batch {batch_no} of stream {stream_id} was damaged, and nothing tells that {gone} entries are gone"
            ));
        }
    }
    // Of several that are missing in a row, the first counts for all, and the hash of the last alone is known; at a stream's end neither.
    let is_at_the_end = |of: &Header| {
        !log.headers.iter().any(|header| header.stream_id == of.stream_id && header.batch_no > of.batch_no)
    };
    for header in lost() {
        let Some(record) = damage.records.iter().find(|record| record.places().contains(&place(header))) else {
            continue;
        };
        let named = Some((record.stream_id, record.batch_no));
        let told: Vec<_> = log.gaps.iter().filter(|gap| gap.batch == named).map(|gap| gap.dropped).collect();
        let is_uncounted = header.n == 0 && header.hash == NO_HASH && is_at_the_end(header);
        let ought =
            if is_uncounted { vec![None] } else { Vec::from_iter((header.n > 0).then_some(Some(header.n.into()))) };
        if told != ought {
            let Record { stream_id, batch_no, .. } = record;
            broken(format!(
                "of lost batch {batch_no} of stream {stream_id} audit.gap ought to tell {ought:?}, but tells {told:?}"
            ));
        }
    }
}

const fn place(header: &Header) -> (Uuid, i64) {
    (header.stream_id, header.batch_no)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oracle::{Gap, LogRow};

    const STREAM: Uuid = Uuid::from_u128(1);

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(100 + number)
    }

    fn header(batch_no: u8, kind: &str) -> Header {
        Header {
            stream_id: STREAM,
            batch_no: batch_no.into(),
            kind: kind.to_owned(),
            first_seq: batch_no.into(),
            n: 1,
            prev_hash: vec![batch_no; 32],
            hash: vec![batch_no + 1; 32],
        }
    }

    /// Of three batches of one entry each, the second.
    fn record() -> Record {
        let target_id = Some(id(7).to_string());
        let row = json!({"id": id(1), "action": "x.y", "target_id": target_id, "outcome": "success", "metadata": {}});
        let record = json!({"stream_id": STREAM, "batch_no": 1, "rows": [row]});
        serde_json::from_value(record).expect("a record")
    }

    /// The log after the damage: the entry is lost, and that is told.
    fn log() -> Log {
        let headers = vec![header(0, "entries"), header(1, "lost"), header(2, "entries")];
        let rows = [0, 2].map(|seq| LogRow { id: id(seq), stream_id: STREAM, seq: seq.try_into().unwrap() });
        Log { headers, rows: rows.into(), gaps: vec![gap(Some(1))], ..Log::default() }
    }

    fn gap(dropped: Option<i64>) -> Gap {
        Gap { dropped, batch: Some((STREAM, 1)) }
    }

    fn judged(log: Log, records: Vec<Record>) -> Verdict {
        log.after_damage(records).judge(&(0..3).map(id).collect())
    }

    #[test]
    fn what_was_damaged_may_be_lost_and_nothing_else() {
        let verdict = judged(log(), vec![record()]);
        assert!(verdict.is_good(), "{verdict}");
        assert_eq!((verdict.damaged, verdict.told), (vec![id(1)], 1));
        assert!(!judged(log(), Vec::new()).is_good(), "nobody damaged it");
        assert!(!judged(log(), vec![Record { batch_no: 2, ..record() }]).is_good(), "another one was damaged");
    }

    #[test]
    fn whatever_is_lost_without_a_word_is_seen() {
        type Break = (&'static str, fn(&mut Log));
        let breaks: [Break; 6] = [
            ("no header says so", |log| {
                log.headers.truncate(1);
                log.rows.truncate(1);
            }),
            ("no entry says so", |log| log.gaps.clear()),
            ("an entry says so of none", |log| log.gaps = vec![gap(None)]),
            ("an entry says so of another", |log| log.gaps[0].batch = Some((STREAM, 2))),
            ("two entries say so", |log| log.gaps.push(gap(Some(1)))),
            ("an entry beside it is gone, too", |log| log.rows.truncate(1)),
        ];
        for (what, change) in breaks {
            let mut log = log();
            change(&mut log);
            assert!(!judged(log, vec![record()]).is_good(), "{what}");
        }
    }

    #[test]
    fn a_lost_end_of_a_stream_that_nobody_counted_is_told_of_as_such() {
        let ends_at = |headers: usize, gaps: Vec<Gap>| {
            let mut log = log();
            log.headers[1] = Header { n: 0, hash: NO_HASH.to_vec(), ..header(1, "lost") };
            log.headers.truncate(headers);
            log.rows.truncate(headers - 1);
            log.gaps = gaps;
            judged(log, vec![record()]).faults.iter().any(|fault| fault.contains("ought to tell"))
        };
        assert!(ends_at(2, vec![gap(Some(1))]) && !ends_at(2, vec![gap(None)]));
        assert!(!ends_at(3, Vec::new()), "the one before it in the row tells how much it was");
    }

    #[test]
    fn what_a_lost_entry_told_of_others_was_told() {
        let mut gap = record();
        gap.rows[0].action = "audit.gap".to_owned();
        gap.rows[0].metadata = json!({"dropped": 4}).as_object().cloned().expect("an object");
        assert_eq!(judged(log(), vec![gap]).told, 1 + 4);
    }

    #[test]
    fn a_call_is_promised_no_end_that_was_damaged() {
        let calls = Calls { ended: [id(7)].into(), ran: HashSet::new() };
        let with = |records| {
            let log = log().after_damage(records);
            log.judge_calls(&calls, Verdict::default()).is_good()
        };
        assert!(with(vec![record()]) && !with(Vec::new()));
    }
}
