//! What was promised to annotated calls.

use std::collections::{BTreeMap, HashSet};

use sqlx::PgConnection;
use uuid::Uuid;

use super::Verdict;

/// The calls whose promises can be told; each has a target of its own, whose id stands for the call.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// Those that came to their end, and whose entries are promised to be kept by then.
    pub ended: HashSet<Uuid>,
    /// Those that were announced, and whose bodies ran.
    pub ran: HashSet<Uuid>,
}

/// How many entries of a call there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Entries {
    announcements: i64,
    ends: i64,
}

/// Reads the entries of calls, which are those about a project.
pub(super) async fn read(connection: &mut PgConnection) -> BTreeMap<Uuid, Entries> {
    sqlx::query_as::<_, (Uuid, i64, i64)>(
        "SELECT target_id::uuid, count(*) FILTER (WHERE outcome = 'attempted'), count(*) FILTER (WHERE outcome <> 'attempted')
           FROM (SELECT action, target_id, outcome FROM control_plane.audit_logs
                  UNION ALL
                 SELECT refused ->> 'action', refused ->> 'target_id', refused ->> 'outcome'
                   FROM (SELECT convert_from(encoded, 'UTF8')::jsonb FROM control_plane.audit_dead_letters) d (refused)) e
          WHERE action = 'project.updated' AND length(target_id) = 36 GROUP BY 1",
    )
    .fetch_all(connection)
    .await
    .expect("the log is there")
    .into_iter()
    .map(|(call, announcements, ends)| (call, Entries { announcements, ends }))
    .collect()
}

/// At most one announcement and one end of each call; exactly one of what was promised.
pub(super) fn judge(found: &BTreeMap<Uuid, Entries>, calls: &Calls, verdict: &mut Verdict) {
    let mut broken = |call: Uuid, what: String| verdict.faults.push(format!("call {call} {what}"));
    for (call, Entries { announcements, ends }) in found {
        if *announcements > 1 || *ends > 1 {
            broken(*call, format!("was announced {announcements} times, and ended {ends} times"));
        }
    }
    let of = |call: &Uuid| found.get(call).copied().unwrap_or_default();
    for call in calls.ended.iter().filter(|call| of(call).ends == 0) {
        broken(*call, "came to its end, and no entry says so".to_owned());
    }
    for call in calls.ran.iter().filter(|call| of(call).announcements == 0) {
        broken(*call, "ran, and was never announced".to_owned());
    }
    verdict.calls = calls.ended.union(&calls.ran).count() as u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_breaks_a_promise_to_a_call_is_seen() {
        let call = Uuid::from_u128(1);
        let entries = |announcements, ends| BTreeMap::from([(call, Entries { announcements, ends })]);
        let calls = Calls { ended: [call].into(), ran: [call].into() };
        for (found, is_good) in [
            (entries(1, 1), true),
            (entries(0, 1), false),
            (entries(1, 0), false),
            (entries(2, 1), false),
            (entries(1, 2), false),
            (BTreeMap::new(), false),
        ] {
            let mut verdict = Verdict::default();
            judge(&found, &calls, &mut verdict);
            assert_eq!(verdict.is_good(), is_good, "{found:?}");
        }
    }
}
