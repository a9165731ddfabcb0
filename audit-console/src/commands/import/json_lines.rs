//! Rows of a file with a JSON object a line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use audit_core::import::{Field, Record};
use serde_json::Value;
use serde_json::value::RawValue;

use super::columns::{Assigned, LeftOut, column_of};
use super::source::{Item, name_of, unreadable};
use crate::failure::Failure;

/// The members of an object, as they are written: numbers keep all of their digits.
type Members = BTreeMap<String, Box<RawValue>>;

/// A file with a JSON object a line. Empty lines count, and hold nothing.
pub(super) struct JsonLines {
    path: PathBuf,
    name: String,
    length: u64,
    position: u64,
    reader: BufReader<File>,
    mapping: Vec<Assigned>,
    left_out: LeftOut,
    place: u64,
}

impl JsonLines {
    pub(super) fn open(path: &Path, mapping: &[Assigned]) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            name: name_of(path),
            length: file.metadata().map_or(0, |metadata| metadata.len()),
            position: 0,
            reader: BufReader::new(file),
            mapping: mapping.to_vec(),
            left_out: LeftOut::default(),
            place: 0,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn left_out(&self) -> Vec<String> {
        self.left_out.names()
    }

    pub(super) fn next(&mut self) -> Result<Option<Item>, Failure> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self.reader.read_until(b'\n', &mut line).map_err(|error| unreadable(&self.path, &error))?;
            if read == 0 {
                return Ok(None);
            }
            self.position += read as u64;
            self.place += 1;
            if !line.trim_ascii().is_empty() {
                break;
            }
        }
        let read = serde_json::from_slice(line.trim_ascii()).map_err(|error| error.to_string());
        Ok(Some(match read.and_then(|members| self.record(&members)) {
            Ok(record) => Item::Record(record),
            Err(reason) => {
                let text = String::from_utf8_lossy(line.trim_ascii()).into_owned();
                Item::Unreadable { place: self.place, text, reason: format!("it is no JSON object: {reason}") }
            }
        }))
    }

    fn record(&mut self, members: &Members) -> Result<Record, String> {
        let mut record = Record::at(self.place);
        let mut read = Vec::new();
        for field in Field::ALL {
            let path = column_of(&self.mapping, field);
            read.push(path);
            if let Some(text) = find(members, path)?.map(|value| text(&value)).transpose()?.flatten() {
                record = record.with(field, text);
            }
        }
        let is_read = |name: &str| {
            read.iter().any(|path| path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
        };
        for name in members.keys().filter(|name| !is_read(name)) {
            self.left_out.add(name);
        }
        Ok(record)
    }
}

/// The member of this name, or of a member what the rest of a dotted name leads to.
fn find(members: &Members, path: &str) -> Result<Option<Box<RawValue>>, String> {
    if let Some(value) = members.get(path) {
        return Ok(Some(value.clone()));
    }
    let Some((first, rest)) = path.split_once('.') else { return Ok(None) };
    match members.get(first).filter(|value| value.get().starts_with('{')) {
        Some(object) => {
            let members: Members = serde_json::from_str(object.get()).map_err(|error| error.to_string())?;
            find(&members, rest)
        }
        None => Ok(None),
    }
}

/// What a value says: a text itself, anything else as it is written.
fn text(value: &RawValue) -> Result<Option<String>, String> {
    if value.get() == "null" {
        Ok(None)
    } else if value.get().starts_with('"') {
        match serde_json::from_str(value.get()).map_err(|error| error.to_string())? {
            Value::String(text) => Ok(Some(text)),
            _ => Ok(None),
        }
    } else {
        Ok(Some(value.get().to_owned()))
    }
}
