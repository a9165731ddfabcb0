#![deny(warnings, unused, missing_docs, clippy::pedantic, clippy::nursery)]
//! Expansions are silent.

use audit_core::audited;

/// Something that can be shut.
#[derive(Debug)]
pub struct Door(u8);

impl Door {
    /// Shuts it.
    #[audited(action = "project.suspended", target_id = 1, metadata(reason))]
    pub fn shut(mut self, reason: &str) -> Self {
        self.0 += 1;
        self
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// Never.
    #[audited(action = "project.updated", target_id = *id, metadata(old_value = ?self))]
    pub async fn open<'a>(&mut self, id: &'a str) -> Result<&'a str, std::io::Error> {
        let text = std::future::ready(id).await;
        Ok(text)
    }
}

fn main() {
    drop(Door(1).shut("").open(""));
}
