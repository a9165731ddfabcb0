//! How long the writer's thread needs to make a batch of entries: sanitising, canonical JSON, hashing, chaining.
//!
//! `cargo bench -p audit-core --bench freeze_time`

use std::time::SystemTime;

use audit_core::batch::Freezer;
use audit_core::{ActionName, Actor, Context, Entry, Metadata};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// A full batch.
const ENTRIES: usize = 4_096;
const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36";
/// The kinds of details that services record.
const DETAILS: [(&str, &str); 2] = [
    ("three fields", r#"{"plan":"enterprise","seats":25,"trial":false}"#),
    (
        "changes",
        r#"{"changes":{"name":{"from":"Old name","to":"New name"},"plan":{"from":"free","to":"pro"}},"reason":"the customer asked for it"}"#,
    ),
];

fn entries(details: &Metadata) -> Vec<Entry> {
    let request = Context::new()
        .with_actor(Actor::user("user_123"))
        .with_ip_address([192, 168, 1, 1])
        .with_user_agent(USER_AGENT)
        .with_request_id("req_9");
    let action = ActionName::unlisted("project.renamed").expect("a well-formed name");
    let entry = |number: usize| {
        Entry::builder(action.clone())
            .target_id(format!("proj_{number}"))
            .metadata_all(details.clone())
            .context(request.clone())
            .build()
    };
    (0..ENTRIES).map(entry).collect()
}

fn freeze(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("freeze");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    for (name, details) in DETAILS {
        let details = Metadata::from_json(details);
        let mut freezer = Freezer::new();
        group.bench_function(name, |bencher| {
            let batch = |entries| drop(freezer.freeze(entries, SystemTime::now()));
            bencher.iter_batched(|| entries(&details), batch, BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, freeze);
criterion_main!(benches);
