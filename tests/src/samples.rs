//! Entries and batches to land.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use audit_core::batch::{Batch, Freezer};
use audit_core::{ActionName, Actor, ActorType, Context, Entry, Outcome, Target};
use serde_json::json;
use uuid::Uuid;

/// Something simple that was done now.
#[must_use]
pub fn entry() -> Entry {
    entry_at(SystemTime::now())
}

/// Something simple that was done at a time.
#[must_use]
pub fn entry_at(at: SystemTime) -> Entry {
    Entry::builder(action()).target_id("door_7").actor(Actor::user("user_123")).created_at(at).build()
}

/// A batch of simple entries.
#[must_use]
pub fn batch(freezer: &mut Freezer, rows: usize) -> Batch {
    freezer.freeze((0..rows).map(|_| entry()).collect(), SystemTime::now())
}

/// Entries whose columns are filled in as many ways as there are: all, none, each kind of actor, outcome and address,
/// and metadata that databases like to rewrite.
#[must_use]
pub fn varied(count: usize) -> Vec<Entry> {
    (0..count).map(varied_entry).collect()
}

fn varied_entry(number: usize) -> Entry {
    if number % 7 == 6 {
        return Entry::builder(action()).build();
    }
    let actor_type = ActorType::ALL[number % ActorType::ALL.len()];
    let address = match number % 3 {
        0 => IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1)),
        1 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x17)),
        _ => IpAddr::V6(Ipv4Addr::new(10, 0, 0, 7).to_ipv6_mapped()),
    };
    let context = Context::new()
        .with_ip_address(address)
        .with_user_agent("Mozilla/5.0 (\"quoted\", {braced}, \\back\\slashed, NULL)")
        .with_request_id(format!("req_{number}"))
        .with_tenant_id("tenant\tä\u{1F510}")
        .with_on_behalf_of("")
        .with_trace_id("4bf92f3577b34da6a3ce929d0e0e4736")
        .with_span_id("00f067aa0ba902b7")
        .with_origin("import");
    let details = json!({
        "b": [1, 2.5, -0.0, 1e300, 1e-7, 9_007_199_254_740_991_i64, u64::MAX],
        "a": {"z": null, "é": "\u{0}\u{7f}\u{2028}", "": true},
        "changes": {"name": "MyProject"},
        "text": "line\r\nline\t\"\\",
    });
    Entry::builder(action())
        .actor(Actor { actor_type, id: format!("actor_{number}") })
        .target(Target::new("door", format!("door_{number}")))
        .outcome(Outcome::ALL[number % Outcome::ALL.len()])
        .metadata("details", &details)
        .metadata("number", &number)
        .duration(Duration::from_micros(1_234_567))
        .attempt_id(Uuid::from_u128(7))
        .context(context)
        .build()
}

fn action() -> ActionName {
    ActionName::unlisted("door.opened").expect("a well-formed name")
}
