//! The writer's own spans.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audit_core::{ActionName, Actor, Auditor, Entry};
use tests::scripted::ScriptedStore;
use tracing::span::{Attributes, Id};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, registry};

const SOON: Duration = Duration::from_secs(30);

/// The names of the spans that ended, with those of their fields.
#[derive(Clone, Default)]
struct Ended(Arc<Mutex<BTreeSet<String>>>);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Ended {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if attributes.metadata().target().starts_with("audit_core") {
            assert!(attributes.is_root());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let metadata = context.span(&id).unwrap().metadata();
        if metadata.target().starts_with("audit_core") {
            self.0.lock().unwrap().insert(described(metadata));
        }
    }
}

fn described(metadata: &Metadata<'_>) -> String {
    let fields: Vec<_> = metadata.fields().iter().map(|field| format!("`{}`", field.name())).collect();
    format!("| `{}` | {} |", metadata.name(), fields.join(", "))
}

fn entry() -> Entry {
    Entry::builder(ActionName::unlisted("door.opened").unwrap()).actor(Actor::user("user_1")).build()
}

#[tokio::test]
async fn landing_sealing_and_the_journal_have_spans_and_they_are_documented() {
    let ended = Ended::default();
    tracing::subscriber::set_global_default(registry().with(ended.clone())).unwrap();
    let folder = tempfile::tempdir().unwrap();

    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    let writer = Auditor::builder().url(url).start().await.unwrap();
    writer.auditor().record(entry()).durable().await.unwrap();
    writer.shutdown(SOON).await;

    let store = ScriptedStore::default();
    let builder = Auditor::builder().store(Arc::new(store.clone())).journal(folder.path().join("journal"));
    let writer = builder.start().await.unwrap();
    store.go_away();
    writer.auditor().record(entry()).durable().await.unwrap();
    writer.shutdown(Duration::from_secs(1)).await;

    let ended = ended.0.lock().unwrap();
    let table = include_str!("../../../docs/traces.md");
    let documented: BTreeSet<_> = table.lines().filter(|line| line.starts_with("| `audit.")).collect();
    assert_eq!(ended.len(), documented.len(), "{ended:?}");
    for (documented, ended) in documented.iter().zip(&*ended) {
        assert!(documented.starts_with(ended.as_str()), "{documented}: {ended}");
    }
}
