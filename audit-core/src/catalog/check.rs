//! What the compiler evaluates to check a use of `#[audited]` against a catalog.
//!
//! Finding an action never fails: what is not found is [`UNKNOWN`], and everything that follows accepts it in
//! silence. Only the `#[track_caller]` functions panic, one for each kind of mistake, so that a mistake
//! is one error and its place is the user's own token.
//!
//! All this is interpreted, for each use of the attribute: what is short here is fast there.

use super::ActionInfo;
use super::similar::{distance, tolerance};
use crate::Durability;
use crate::call::Site;

/// The place of what is not in the table.
pub const UNKNOWN: usize = usize::MAX;
/// The place of a field of free-form metadata.
pub const FREE: usize = usize::MAX - 1;

/// A catalog's own table, then those of the catalogs it includes.
pub(crate) type Parts = &'static [&'static [ActionInfo]];

/// An action that was looked up, and where it stands in a catalog's parts.
///
/// The parts themselves stay out: the compiler validates a constant with all that it refers to, for each use of the
/// attribute.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// What the catalog says of the action; of an unknown one, nothing.
    pub info: &'static ActionInfo,
    /// Which table.
    pub part: usize,
    /// Which page of the table; [`UNKNOWN`] where there is no such action.
    pub page: usize,
    /// Which row of the page.
    pub row: usize,
    /// Why there is no such action, where there is none.
    unknown: Option<Unknown>,
}

/// Why an action is unknown.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    /// There is no catalog at all.
    NoCatalog,
    /// The catalog does not list it, and at most something similar.
    Unlisted { nearest: &'static str },
}

/// How many actions share a page; the derive cuts by the same number.
const PAGE: usize = 8;

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
pub(crate) const fn hash(name: &str) -> u64 {
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
            let info = &table[action];
            if equal(info.name, name) {
                return Place { info, part, page: action / PAGE, row: action % PAGE, unknown: None };
            }
            action += 1;
        }
        part += 1;
    }
    Place { info: &NOTHING, part: 0, page: UNKNOWN, row: 0, unknown: Some(unknown(parts, name)) }
}

/// [`find_action`] for a name whose hash is not known yet.
#[must_use]
pub const fn find_named(parts: Parts, name: &str) -> Place {
    find_action(parts, hash(name), name)
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

/// The site, unless its action is unknown or lacks a metadata field it needs. The fields that are given come as the hashes
/// of their names: comparing names letter by letter takes the compiler long.
///
/// # Panics
///
/// While the program compiles.
#[must_use]
#[track_caller]
pub const fn required(site: &'static Site, name: &str, given: &[u64]) -> &'static Site {
    if let Some(unknown) = site.action.unknown {
        refuse_unknown_action(unknown, name);
    }
    let info = site.info;
    let (mut known, mut missing, mut i) = (0, None, 0);
    while i < info.fields.len() {
        let field = &info.fields[i];
        if contains(given, field.hash) {
            known += 1;
        } else if !field.optional && missing.is_none() {
            missing = Some(field);
        }
        i += 1;
    }
    if known < given.len() {
        // The unknown field is probably the one that is missing, misspelt; it is reported where it stands.
        return site;
    }
    if let Some(field) = missing {
        let message = Message::new().push("action `").push(info.name).push("` needs metadata `").push(field.name);
        let message = message.push(": ").push(field.type_name).push("`; write `metadata(").push(field.name);
        message.push(" = …)`").panic();
    }
    site
}

/// The place of a metadata field in its action, by the hash of its name.
///
/// # Panics
///
/// If there is none, and only while the program compiles.
#[must_use]
#[track_caller]
pub const fn field(info: &ActionInfo, hash: u64, name: &str) -> usize {
    if is_unknown(info) {
        return UNKNOWN;
    }
    if info.free_form {
        return FREE;
    }
    let mut i = 0;
    while i < info.fields.len() {
        if info.fields[i].hash == hash {
            return i;
        }
        i += 1;
    }
    refuse_unknown_field(info, name)
}

#[track_caller]
const fn refuse_unknown_field(info: &ActionInfo, name: &str) -> ! {
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
pub const fn check_target(info: &ActionInfo, target: &str) {
    if !is_unknown(info) && !equal(info.target, target) {
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

const fn unknown(parts: Parts, name: &str) -> Unknown {
    // Every catalog has a table of its own, be it empty.
    if parts.is_empty() {
        return Unknown::NoCatalog;
    }
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
    Unknown::Unlisted { nearest }
}

#[track_caller]
const fn refuse_unknown_action(unknown: Unknown, name: &str) -> ! {
    match unknown {
        Unknown::NoCatalog => panic!(
            "`#[audited]` was imported without a catalog: write `use audit_core::audited;` for the built-in one, or \
             `use crate::audit::audited;` for one that is derived in the module `audit`"
        ),
        Unknown::Unlisted { nearest } => {
            let mut message = Message::new().push("unknown audit action `").push(name).push("`");
            if !nearest.is_empty() {
                message = message.push("; did you mean `").push(nearest).push("`?");
            }
            message.panic()
        }
    }
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

const fn is_unknown(info: &ActionInfo) -> bool {
    info.name.is_empty()
}

const fn contains(hashes: &[u64], hash: u64) -> bool {
    let mut i = 0;
    while i < hashes.len() {
        if hashes[i] == hash {
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
