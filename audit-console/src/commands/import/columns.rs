//! Which column of a file each field is read from.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use audit_core::import::Field;

/// What the command line says of a field.
pub(super) type Assigned = (Field, String);

/// Most columns of the source that are remembered as left out.
const MOST: usize = 100;

pub(super) fn assigned(text: &str) -> Result<Assigned, String> {
    let (field, value) = text.split_once('=').ok_or("write FIELD=… with an equals sign")?;
    Ok((Field::from_str(field).map_err(|error| error.to_string())?, value.to_owned()))
}

/// The name of the column that a field is read from.
pub(super) fn column_of(mapping: &[Assigned], field: Field) -> &str {
    mapping.iter().find(|(of, _)| *of == field).map_or(field.as_str(), |(_, column)| column)
}

/// Columns that no field is read from.
#[derive(Debug, Default)]
pub(super) struct LeftOut(BTreeSet<String>);

impl LeftOut {
    pub(super) fn add(&mut self, column: &str) {
        if !self.0.contains(column) && self.0.len() < MOST {
            self.0.insert(column.to_owned());
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}
