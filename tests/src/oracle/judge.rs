//! The comparison of what is there with what was promised.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use audit_core::Stats;
use uuid::Uuid;

use super::{Header, Log, Verdict, damage};

const NO_HASH: [u8; 32] = [0; 32];

pub(super) fn judge(log: &Log, acknowledged: &HashSet<Uuid>, withdrawn: &HashSet<Uuid>) -> Verdict {
    let mut verdict = Verdict {
        acknowledged: acknowledged.len() as u64,
        rows: log.rows.len() as u64,
        batches: log.headers.len() as u64,
        dead_letters: log.dead_letters.len() as u64,
        told: log.gaps.iter().filter_map(|gap| gap.dropped).sum(),
        ..Verdict::default()
    };
    entries(log, acknowledged, withdrawn, &mut verdict);
    streams(log, &mut verdict);
    verdict.faults.extend(log.breaks.iter().cloned());
    let mut is_counted = log.gaps.iter().all(|gap| gap.dropped.is_some());
    if let Some(damage) = &log.damage {
        damage::judge(log, damage, &mut verdict);
        // What is not counted stands for batches that count nothing.
        is_counted = true;
        verdict.told += damage.gaps.iter().flatten().sum::<i64>();
    }
    if verdict.told < verdict.lost && is_counted {
        let Verdict { lost, told, .. } = verdict;
        verdict.faults.push(format!("{lost} entries are in lost batches, but audit.gap tells of {told}"));
    }
    verdict
}

/// What the writers say they dropped, and what the log says is gone.
pub(super) fn accounts(writers: &[Stats], verdict: &mut Verdict) {
    for stats in writers.iter().filter(|stats| !stats.is_balanced()) {
        verdict.faults.push(format!("accounts that do not balance: {stats:?}"));
    }
    let dropped: u64 = writers.iter().map(|stats| stats.dropped).sum();
    let (told, lost) = (verdict.told.unsigned_abs(), verdict.lost.unsigned_abs());
    // A writer that ends at its deadline cannot tell of its last drops; the other way round there is no excuse.
    if told > dropped + lost {
        verdict.faults.push(format!("audit.gap tells of {told} entries, but {dropped} were dropped and {lost} lost"));
    }
}

/// Each entry once, each acknowledged one somewhere, and none that was withdrawn.
fn entries(log: &Log, acknowledged: &HashSet<Uuid>, withdrawn: &HashSet<Uuid>, verdict: &mut Verdict) {
    let mut seen = HashSet::new();
    // A dead letter that is sent again moves: it is a row, and no dead letter any more.
    for row in log.rows.iter().chain(&log.dead_letters) {
        if !seen.insert(row.id) {
            verdict.twice.push(row.id);
        }
    }
    let gone = acknowledged.difference(&seen).copied();
    let is_excused = |id: &Uuid| log.damage.as_ref().is_some_and(|damage| damage.lost.contains(id));
    (verdict.damaged, verdict.missing) = gone.partition(is_excused);
    verdict.withdrawn = withdrawn.len() as u64;
    for id in withdrawn.intersection(&seen) {
        verdict.faults.push(format!("entry {id} is there, though it should not be"));
    }
}

/// The batches of each stream, one after the other, and their rows.
fn streams(log: &Log, verdict: &mut Verdict) {
    let mut held: HashMap<Uuid, BTreeMap<i64, usize>> = HashMap::new();
    for row in log.rows.iter().chain(&log.dead_letters) {
        *held.entry(row.stream_id).or_default().entry(row.seq).or_default() += 1;
    }
    let streams: BTreeSet<Uuid> = log.headers.iter().map(|header| header.stream_id).collect();
    verdict.streams = streams.len() as u64;
    for headers in log.headers.chunk_by(|a, b| a.stream_id == b.stream_id) {
        stream(headers, &held.remove(&headers[0].stream_id).unwrap_or_default(), verdict);
    }
    for (stream_id, rows) in held {
        verdict.faults.push(format!("{} rows of stream {stream_id}, which has no batch", rows.len()));
    }
}

fn stream(headers: &[Header], held: &BTreeMap<i64, usize>, verdict: &mut Verdict) {
    let (mut counted, mut next_seq, mut prev_hash) = (0, 0, NO_HASH.to_vec());
    let mut behind_unknown = false;
    for (number, header) in (0..).zip(headers) {
        let Header { stream_id, batch_no, first_seq, n, .. } = header;
        let mut broken = |what: String| verdict.faults.push(format!("batch {batch_no} of stream {stream_id} {what}"));
        if *batch_no != number {
            broken(format!("is the {number}th"));
            return;
        }
        if behind_unknown && *first_seq >= next_seq {
            verdict.lost += first_seq - next_seq;
        } else if *first_seq != next_seq {
            broken(format!("begins at seq {first_seq}, not {next_seq}"));
        }
        if header.prev_hash != prev_hash && !behind_unknown {
            broken("does not name the one before".to_owned());
        }
        let rows = held.range(*first_seq..first_seq + i64::from(*n)).count();
        counted += rows;
        let lost = header.kind == "lost";
        if lost {
            verdict.lost += i64::from(*n);
        } else if i64::try_from(rows) != Ok(i64::from(*n)) {
            broken(format!("counts {n} rows and has {rows}"));
        }
        // Of a lost batch whose head was damaged, too, neither the hash nor the number of rows is known.
        behind_unknown = lost && header.hash == NO_HASH;
        next_seq = first_seq + i64::from(*n);
        prev_hash.clone_from(&header.hash);
    }
    let stream_id = headers[0].stream_id;
    if counted != held.len() {
        verdict.faults.push(format!("stream {stream_id} has {} rows that no batch counts", held.len() - counted));
    }
    for (seq, times) in held.iter().filter(|(_, times)| **times > 1) {
        verdict.faults.push(format!("seq {seq} of stream {stream_id} is taken {times} times"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{Gap, LogRow};

    const STREAM: Uuid = Uuid::from_u128(1);

    fn header(batch_no: i64, first_seq: i64, n: i32) -> Header {
        let hash = |number: i64| vec![u8::try_from(number).unwrap(); 32];
        let kind = "entries".to_owned();
        let (prev_hash, hash) = (hash(batch_no), hash(batch_no + 1));
        Header { stream_id: STREAM, batch_no, kind, first_seq, n, prev_hash, hash }
    }

    fn row(seq: i64) -> LogRow {
        LogRow { id: id(seq), stream_id: STREAM, seq }
    }

    fn id(seq: i64) -> Uuid {
        Uuid::from_u128(100 + u128::try_from(seq).unwrap())
    }

    /// Two batches of two rows each.
    fn log() -> Log {
        let headers = vec![header(0, 0, 2), header(1, 2, 2)];
        Log { headers, rows: (0..4).map(row).collect(), ..Log::default() }
    }

    fn is_good(log: &Log) -> bool {
        log.judge(&(0..4).map(id).collect()).is_good()
    }

    #[test]
    fn a_log_that_is_whole_is_good() {
        assert!(is_good(&log()));
    }

    #[test]
    fn a_dead_letter_is_no_loss() {
        let mut log = log();
        log.dead_letters.push(log.rows.remove(1));
        assert!(is_good(&log));
    }

    #[test]
    fn whatever_breaks_a_promise_is_seen() {
        type Break = (&'static str, fn(&mut Log));
        let breaks: [Break; 10] = [
            ("a row is missing", |log| log.rows.truncate(3)),
            ("a batch is missing", |log| log.headers.truncate(1)),
            ("the first batch is missing", |log| log.headers = log.headers.split_off(1)),
            ("an entry is there twice", |log| log.rows.push(LogRow { seq: 4, ..log.rows[0] })),
            ("an entry is there, and refused", |log| log.dead_letters.push(LogRow { seq: 4, ..log.rows[0] })),
            ("a seq is there twice", |log| log.rows.push(LogRow { id: id(9), ..log.rows[0] })),
            ("a row of no stream", |log| log.rows[0].stream_id = id(7)),
            ("a broken chain", |log| log.headers[1].prev_hash[0] ^= 1),
            ("a gap in seq", |log| log.headers[1].first_seq = 3),
            ("a loss that is not told", |log| {
                log.headers[0].kind = "lost".to_owned();
                log.rows.drain(..2);
            }),
        ];
        for (what, change) in breaks {
            let mut log = log();
            change(&mut log);
            assert!(!is_good(&log), "{what}");
        }
    }

    #[test]
    fn a_loss_that_is_told_is_good_for_those_who_were_promised_nothing() {
        let mut log = log();
        log.headers[0].kind = "lost".to_owned();
        log.rows.drain(..2);
        log.gaps = vec![Gap { dropped: Some(2), batch: None }];
        assert!(log.judge(&(2..4).map(id).collect()).is_good());
    }

    #[test]
    fn an_entry_that_was_rolled_back_is_seen() {
        assert!(!log().judge_with(&HashSet::new(), &[id(1)].into()).is_good());
        assert!(log().judge_with(&HashSet::new(), &[id(7)].into()).is_good());
    }

    #[test]
    fn a_gap_that_nobody_counted_is_seen() {
        let mut log = log();
        log.gaps = vec![Gap { dropped: Some(1), batch: None }];
        let verdict = log.judge(&(0..4).map(id).collect());
        assert!(verdict.is_good());
        assert!(!verdict.with_accounts(&[Stats::default()]).is_good());
    }
}
