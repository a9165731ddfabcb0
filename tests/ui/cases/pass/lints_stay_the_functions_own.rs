//! Expansions are silent: every argument and every shape, under every lint.
#![deny(warnings, unused, missing_docs, let_underscore_drop, unused_qualifications, unused_results)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::unwrap_used, clippy::shadow_unrelated)]
#![forbid(unsafe_code)]
#![allow(clippy::future_not_send, reason = "a lint about the function, not about its attribute")]

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use audit_core::{Actor, Outcome, audited};

/// Something that can be shut.
#[derive(Debug)]
pub struct Door(u8);

impl Door {
    /// How far it is open.
    #[must_use]
    pub const fn width(&self) -> u8 {
        self.0
    }
}

/// A short name.
pub type Answer<T> = Result<T, fmt::Error>;

#[audited(target_id = self.0, actor = Actor::user("me"), on = "failure", err = |error| error)]
impl Door {
    /// Shuts it.
    ///
    /// # Errors
    ///
    /// Never.
    #[audited(action = "project.suspended", target_id = 1, metadata(reason))]
    pub fn shut(mut self, reason: &str) -> Answer<Self> {
        self.0 += 1;
        Ok(self)
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// Never.
    #[audited(action = "project.updated", target_id = *id, metadata(old_value = ?self, ret new_value = |text| text.len()))]
    pub async fn open<'a>(&mut self, id: &'a str) -> Result<&'a str, fmt::Error> {
        let text = std::future::ready(id).await;
        Ok(text)
    }

    /// Opens it in time.
    #[audited(action = "project.updated")]
    pub fn open_later(&self) -> impl Future<Output = Answer<u8>> + Send {
        let width = self.width();
        async move { Ok(width) }
    }

    /// Opens it in time.
    #[must_use]
    #[audited(action = "project.updated", outcome = |answer| if answer.is_ok() { Outcome::Success } else { Outcome::Denied })]
    pub fn open_boxed(&self) -> Pin<Box<dyn Future<Output = Answer<u8>> + Send + '_>> {
        Box::pin(async move { Ok(self.width()) })
    }
}

/// Makes one.
#[must_use]
#[audited(action = "project.created", target_id = |door| door.width(), skip_if = width == 0)]
pub fn make(width: u8) -> Door {
    Door(width)
}

/// Makes one in time.
#[audited(action = "project.created", target_id = |door| door.width(), metadata(ret changes = %|door| door.width()))]
pub async fn make_later(width: u8) -> Door {
    Door(std::future::ready(width).await)
}

/// Makes one, in a line.
#[rustfmt::skip]
#[audited(action = "project.created", target_id = |door| door.width())]
pub async fn make_in_a_line(width: u8) -> Door { Door(std::future::ready(width).await) }

/// Waits.
#[audited(action = "project.updated", target_id = 1)]
pub async fn wait() {}

/// Gives what it was given.
#[must_use]
#[audited(action = "project.updated", target_id = 1)]
pub fn same<T>(value: T) -> T {
    value
}

/// Never comes back.
///
/// # Panics
///
/// Always.
#[audited(action = "project.updated", target_id = 1)]
pub fn stop() -> ! {
    panic!("as asked");
}

fn main() {
    drop(make(1).shut(""));
    drop(Door(1).open(""));
    drop(Door(1).open_boxed());
    drop(Door(1).open_later());
    drop(make_later(1));
    drop(wait());
    if same(false) {
        stop();
    }
}
