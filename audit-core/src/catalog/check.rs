//! What the compiler evaluates to check a use of `#[audited]` against a catalog.
//!
//! Finding never fails: what is not found is [`UNKNOWN`], and everything that follows accepts it in
//! silence. Only the `#[track_caller]` functions panic, one for each kind of mistake, so that a mistake
//! is one error and its place is the user's own token.

use super::ActionInfo;
use super::similar::{distance, tolerance};
use crate::Durability;

/// The place of what is not in the table.
pub const UNKNOWN: usize = usize::MAX;
/// The place of a field of free-form metadata.
pub const FREE: usize = usize::MAX - 1;

/// A catalog's own table, then those of the catalogs it includes.
pub type Parts = &'static [&'static [ActionInfo]];

/// Where an action stands in [`Parts`].
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Which table.
    pub part: usize,
    /// Which row; [`UNKNOWN`] where there is none.
    pub action: usize,
}

/// How many actions share a page; the derive cuts by the same number.
const PAGE: usize = 32;

impl Place {
    /// The page of the action in its table.
    #[must_use]
    pub const fn page(self) -> usize {
        if self.action == UNKNOWN { UNKNOWN } else { self.action / PAGE }
    }

    /// The row of the action in its page.
    #[must_use]
    pub const fn row(self) -> usize {
        self.action % PAGE
    }
}

static NOTHING: ActionInfo = ActionInfo {
    hash: 0,
    name: "",
    variant: "",
    target: "",
    description: "",
    free_form: true,
    durability: Durability::Queued,
    fields: &[],
};

/// FNV-1a, 64 bits.
#[must_use]
pub const fn hash(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let (mut hash, mut i) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x100_0000_01b3);
        i += 1;
    }
    hash
}

/// The place of an action.
#[must_use]
pub const fn find_action(parts: Parts, hash: u64, name: &str) -> Place {
    let mut part = 0;
    while part < parts.len() {
        let table = parts[part];
        let mut action = first_of_hash(table, hash);
        while action < table.len() && table[action].hash == hash {
            if equal(table[action].name, name) {
                return Place { part, action };
            }
            action += 1;
        }
        part += 1;
    }
    Place { part: 0, action: UNKNOWN }
}

/// The name of the action that a variant of the catalog's own is.
///
/// # Panics
///
/// If it is none, and only while the program compiles.
#[must_use]
#[track_caller]
pub const fn name_of(parts: Parts, variant: &str) -> &'static str {
    let own = parts[0];
    let mut i = 0;
    while i < own.len() {
        if equal(own[i].variant, variant) {
            return own[i].name;
        }
        i += 1;
    }
    // What is no variant at all is reported as such.
    panic!("this variant embeds another catalog: name a variant of that one")
}

/// The place of a metadata field in its action.
#[must_use]
pub const fn find_field(parts: Parts, place: Place, name: &str) -> usize {
    if place.action == UNKNOWN {
        return UNKNOWN;
    }
    let info = info(parts, place);
    if info.free_form {
        return FREE;
    }
    let mut i = 0;
    while i < info.fields.len() {
        if equal(info.fields[i].name, name) {
            return i;
        }
        i += 1;
    }
    UNKNOWN
}

/// What the catalog says of an action; of an unknown one, nothing.
#[must_use]
pub const fn info(parts: Parts, place: Place) -> &'static ActionInfo {
    if place.action == UNKNOWN { &NOTHING } else { &parts[place.part][place.action] }
}

/// Refuses an action that is unknown, or lacks a metadata field it needs.
#[track_caller]
pub const fn required(parts: Parts, place: Place, name: &str, given: &[usize]) {
    if place.action == UNKNOWN {
        refuse_unknown_action(parts, name);
    }
    let info = info(parts, place);
    if contains(given, UNKNOWN) {
        // The unknown field is probably the one that is missing, misspelt; it is reported where it stands.
        return;
    }
    let mut i = 0;
    while i < info.fields.len() {
        let field = &info.fields[i];
        if !field.optional && !contains(given, i) {
            let message = Message::new().push("action `").push(name).push("` needs metadata `").push(field.name);
            let message = message.push(": ").push(field.type_name).push("`; write `metadata(").push(field.name);
            message.push(" = …)`").panic();
        }
        i += 1;
    }
}

/// Refuses a metadata field that the action does not have.
#[track_caller]
pub const fn check_field(parts: Parts, place: Place, field: usize, name: &str) {
    if place.action == UNKNOWN || field != UNKNOWN {
        return;
    }
    let info = info(parts, place);
    let mut message = Message::new().push("action `").push(info.name).push("` has no metadata field `").push(name);
    message = message.push("`");
    let (mut nearest, mut least, mut i) = ("", tolerance(name) + 1, 0);
    while i < info.fields.len() {
        let far = distance(info.fields[i].name, name);
        if far < least {
            (nearest, least) = (info.fields[i].name, far);
        }
        i += 1;
    }
    if !nearest.is_empty() {
        message.push("; did you mean `").push(nearest).push("`?").panic();
    }
    message = message.push(if info.fields.is_empty() { "; it has none" } else { "; it has" });
    i = 0;
    while i < info.fields.len() {
        let separator = if i == 0 { " `" } else { ", `" };
        message = message.push(separator).push(info.fields[i].name).push(": ").push(info.fields[i].type_name).push("`");
        i += 1;
    }
    message.panic()
}

/// Refuses a target type other than the catalog's.
#[track_caller]
pub const fn check_target(parts: Parts, place: Place, target: &str) {
    if place.action == UNKNOWN {
        return;
    }
    let info = info(parts, place);
    if !equal(info.target, target) {
        let message = Message::new().push("action `").push(info.name).push("` is done to target `").push(info.target);
        message.push("`, not to `").push(target).push("`").panic();
    }
}

/// Refuses to include a catalog that includes others, or that declares an action declared before.
///
/// # Panics
///
/// To refuse, and only while the program compiles.
#[track_caller]
pub const fn includable(parts: Parts, part: usize, base: Parts) {
    assert!(
        base.len() == 1,
        "this catalog includes another one; include that one directly, beside this one, and take it out of this one"
    );
    let mut earlier = 0;
    while earlier < part {
        refuse_common_action(parts[earlier], parts[part]);
        earlier += 1;
    }
}

#[track_caller]
const fn refuse_common_action(a: &[ActionInfo], b: &[ActionInfo]) {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i].hash < b[j].hash {
            i += 1;
        } else if a[i].hash > b[j].hash {
            j += 1;
        } else {
            let message = Message::new().push("the included catalog declares the action `").push(b[j].name);
            message.push("`, which this catalog already has").panic();
        }
    }
}

#[track_caller]
const fn refuse_unknown_action(parts: Parts, name: &str) -> ! {
    // Every catalog has a table of its own, be it empty.
    assert!(
        !parts.is_empty(),
        "`#[audited]` was imported without a catalog: write `use audit_core::audited;` for the built-in one, or \
         `use crate::audit::audited;` for one that is derived in the module `audit`"
    );
    let (mut nearest, mut least, mut part) = ("", tolerance(name) + 1, 0);
    while part < parts.len() {
        let mut i = 0;
        while i < parts[part].len() {
            let far = distance(parts[part][i].name, name);
            if far < least {
                (nearest, least) = (parts[part][i].name, far);
            }
            i += 1;
        }
        part += 1;
    }
    let mut message = Message::new().push("unknown audit action `").push(name).push("`");
    if !nearest.is_empty() {
        message = message.push("; did you mean `").push(nearest).push("`?");
    }
    message.panic()
}

const fn first_of_hash(table: &[ActionInfo], hash: u64) -> usize {
    let (mut low, mut high) = (0, table.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if table[middle].hash < hash {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

const fn contains(places: &[usize], place: usize) -> bool {
    let mut i = 0;
    while i < places.len() {
        if places[i] == place {
            return true;
        }
        i += 1;
    }
    false
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// An error text put together in const evaluation, which has no `format!`.
struct Message {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Message {
    /// Bytes; a text that does not fit is cut, and only a catalog of very many fields makes one.
    const CAPACITY: usize = 1024;

    const fn new() -> Self {
        Self { bytes: [0; Self::CAPACITY], length: 0 }
    }

    const fn push(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        if self.length + text.len() > Self::CAPACITY {
            return self;
        }
        let mut i = 0;
        while i < text.len() {
            self.bytes[self.length] = text[i];
            self.length += 1;
            i += 1;
        }
        self
    }

    #[track_caller]
    const fn panic(&self) -> ! {
        match core::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("this use of the audit catalog is wrong"),
        }
    }
}
