//! What is recorded of a change, and what is not.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use audit_core::batch::Batch;
use audit_core::{AuditTarget, Auditor, Context, Diff, Row, annotate, audited, context, diff, diff_serialized};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use tests::scripted::ScriptedStore;

/// Serialises everything, its secrets too, as types of an interface often do.
#[derive(Debug, Clone, Serialize, AuditTarget, Diff)]
struct Account {
    id: u64,
    name: String,
    address: Address,
    plan: Plan,
    keys: Vec<Key>,
    by_region: HashMap<&'static str, Key>,
    #[audit(secret)]
    password: String,
    #[audit(skip)]
    seen: u64,
}

#[derive(Debug, Clone, Serialize, Diff)]
struct Address {
    city: String,
    zip: Option<String>,
}

#[derive(Debug, Clone, Serialize, Diff)]
enum Plan {
    Free,
    Paid { seats: u32, voucher: Secretive },
    Custom(Address),
}

#[derive(Debug, Clone, Serialize, Diff)]
struct Key {
    label: String,
    #[audit(secret)]
    value: String,
}

#[derive(Debug, Clone, Serialize, Diff)]
struct Secretive(#[audit(secret)] &'static str);

/// Cannot be serialised.
#[derive(Diff)]
struct Vault<T> {
    label: T,
    #[audit(secret)]
    token: SecretString,
    #[audit(secret)]
    spare: Option<SecretBox<[u8; 4]>>,
    #[audit(secret = |pin| pin.expose_secret().len())]
    pin: SecretString,
    #[audit(serialize)]
    settings: Settings,
}

#[derive(Serialize)]
struct Settings {
    theme: &'static str,
    nested: BTreeMap<&'static str, u8>,
}

/// Its fields have the names of a change's ends.
#[derive(Diff)]
struct Transfer {
    from: &'static str,
    to: &'static str,
}

fn account() -> Account {
    let key = |label: &str| Key { label: label.to_owned(), value: format!("hunter2-{label}") };
    Account {
        id: 7,
        name: "Ada".to_owned(),
        address: Address { city: "London".to_owned(), zip: None },
        plan: Plan::Paid { seats: 3, voucher: Secretive("hunter2-voucher") },
        keys: vec![key("one")],
        by_region: HashMap::from([("eu", key("eu")), ("us", key("us"))]),
        password: "hunter2".to_owned(),
        seen: 1,
    }
}

fn vault(token: &str, spare: Option<[u8; 4]>, pin: &str) -> Vault<String> {
    Vault {
        label: "vault".to_owned(),
        token: token.into(),
        spare: spare.map(|spare| SecretBox::new(Box::new(spare))),
        pin: pin.into(),
        settings: Settings { theme: "dark", nested: BTreeMap::from([("a", 1)]) },
    }
}

fn redacted() -> Value {
    json!({ "from": "[redacted]", "to": "[redacted]" })
}

#[test]
fn nothing_changed_is_an_empty_object() {
    assert_eq!(diff(&account(), &account()), json!({}));
    assert_eq!(diff(&Account { seen: 2, ..account() }, &account()), json!({}));
}

#[test]
fn a_changed_field_tells_what_it_was_and_what_it_is() {
    let after = Account { name: "Ada L.".to_owned(), ..account() };
    assert_eq!(diff(&account(), &after), json!({ "name": { "from": "Ada", "to": "Ada L." } }));
}

#[test]
fn the_fields_of_a_field_are_nested() {
    let mut after = account();
    after.address.zip = Some("N1".to_owned());
    assert_eq!(diff(&account(), &after), json!({ "address": { "zip": { "from": null, "to": "N1" } } }));
}

#[test]
fn a_variants_fields_are_nested_and_another_variant_is_a_change_of_the_whole() {
    let mut after = account();
    after.plan = Plan::Paid { seats: 4, voucher: Secretive("hunter3") };
    let change = json!({ "plan": { "Paid": { "seats": { "from": 3, "to": 4 }, "voucher": redacted() } } });
    assert_eq!(diff(&account(), &after), change);
    after.plan = Plan::Free;
    let whole = json!({ "Paid": { "seats": 3, "voucher": "[redacted]" } });
    assert_eq!(diff(&account(), &after), json!({ "plan": { "from": whole, "to": "Free" } }));
    let custom = |city: &str| Plan::Custom(Address { city: city.to_owned(), zip: None });
    let change = json!({ "Custom": { "city": { "from": "Bath", "to": "York" } } });
    assert_eq!(diff(&custom("Bath"), &custom("York")), change);
}

#[test]
fn a_secret_that_changed_shows_that_it_did_wherever_it_is_nested() {
    let mut after = account();
    after.password.push('!');
    after.keys[0].value.push('!');
    after.by_region.get_mut("us").expect("it is there").value.push('!');
    let one = json!([{ "label": "one", "value": "[redacted]" }]);
    let changes = diff(&account(), &after);
    let expected = json!({
        "password": redacted(),
        "keys": { "from": one, "to": one },
        "by_region": { "us": { "value": redacted() } },
    });
    assert_eq!(changes, expected);
}

#[test]
fn no_secret_is_ever_recorded() {
    let mut after = account();
    after.keys.push(Key { label: "two".to_owned(), value: "hunter2-two".to_owned() });
    after.by_region.remove("eu");
    after.by_region.insert("ap", Key { label: "ap".to_owned(), value: "hunter2-ap".to_owned() });
    after.password.clear();
    after.plan = Plan::Free;
    let changes = diff(&Some(account()), &None).to_string() + &diff(&account(), &after).to_string();
    assert!(changes.contains(r#""ap":{"to":{"label":"ap","value":"[redacted]"}}"#), "{changes}");
    assert!(changes.contains(r#""eu":{"from":{"label":"eu","value":"[redacted]"}}"#), "{changes}");
    assert!(!changes.contains("hunter"), "{changes}");
}

#[test]
fn secrets_that_cannot_be_serialised_are_compared_all_the_same() {
    let before = vault("hunter2", None, "1234");
    assert_eq!(diff(&before, &vault("hunter2", None, "4321")), json!({}));
    assert_eq!(diff(&before, &vault("hunter3", None, "1234")), json!({ "token": redacted() }));
    assert_eq!(
        diff(&before, &vault("hunter2", Some(*b"back"), "1")),
        json!({ "spare": redacted(), "pin": redacted() })
    );
    let mut after = vault("hunter2", None, "1234");
    after.label.push('!');
    after.settings.nested.insert("b", 2);
    let expected =
        json!({ "label": { "from": "vault", "to": "vault!" }, "settings": { "nested": { "b": { "to": 2 } } } });
    assert_eq!(diff(&before, &after), expected);
    assert_eq!(after.settings.theme, "dark");
}

#[test]
fn an_object_of_from_and_to_is_always_a_change() {
    let (before, after) = (Transfer { from: "a", to: "b" }, Transfer { from: "a", to: "c" });
    let expected = json!({ "from": { "from": "a", "to": "b" }, "to": { "from": "a", "to": "c" } });
    assert_eq!(diff(&before, &after), expected);
    assert_eq!(
        diff_serialized(&json!({ "from": 1 }), &json!({ "from": 2 })),
        json!({ "from": { "from": 1 }, "to": { "from": 2 } })
    );
}

#[test]
fn a_set_is_recorded_in_one_order() {
    let set = |values: &[u8]| values.iter().copied().collect::<HashSet<_>>();
    assert_eq!(diff(&set(&[1, 2]), &set(&[2, 1])), json!({}));
    assert_eq!(diff(&set(&[3, 1, 2]), &set(&[2])), json!({ "from": [1, 2, 3], "to": [2] }));
}

#[test]
fn whatever_serialises_can_be_compared_by_that() {
    let before = Settings { theme: "dark", nested: BTreeMap::from([("a", 1)]) };
    let after = Settings { theme: "light", nested: BTreeMap::from([("a", 2)]) };
    let expected = json!({ "theme": { "from": "dark", "to": "light" }, "nested": { "a": { "from": 1, "to": 2 } } });
    assert_eq!(diff_serialized(&before, &after), expected);
    assert_eq!(diff_serialized(&1, &2), json!({ "from": 1, "to": 2 }));
}

#[audited(action = "project.updated", target_id = account.id, metadata(changes = later))]
async fn rename(account: &mut Account, name: &str, password: &str) {
    let before = account.clone();
    tokio::task::yield_now().await;
    name.clone_into(&mut account.name);
    password.clone_into(&mut account.password);
    annotate!(changes = diff(&before, account));
}

#[test]
fn a_body_supplies_the_changes_that_the_attribute_announces() {
    let row = row(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread");
        let here = Context::current();
        runtime.block_on(context::scope(here, rename(&mut account(), "Grace", "hunter3")));
    });
    assert_eq!((row.action.as_str(), row.target_id.as_deref()), ("project.updated", Some("7")));
    let expected = json!({ "changes": { "name": { "from": "Ada", "to": "Grace" }, "password": redacted() } });
    assert_eq!(Some(row.metadata.as_map()), expected.as_object());
}

/// What the log holds after `work` was done.
fn row(work: impl FnOnce()) -> Row {
    let store = ScriptedStore::default();
    let writer = Auditor::builder().store(Arc::new(store.clone())).start_blocking().expect("the writer starts");
    context::sync_scope(Context::new().with_auditor(writer.auditor().clone()), work);
    assert_eq!(writer.shutdown_blocking(Duration::from_secs(20)).lost, 0);
    let batches = store.batches();
    let rows: Vec<_> = batches.iter().flat_map(Batch::rows).collect();
    assert_eq!(rows.len(), 1, "one call, one entry");
    rows[0].row.clone()
}
