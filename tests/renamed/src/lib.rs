//! A crate that knows audit-core by another name, and whose macros make audited functions elsewhere.
#![deny(warnings, missing_docs)]

// No such name: what the macros make must not need it.
mod audit_core {}

pub use ::audit;

/// What is done here.
#[derive(Debug, audit::Catalog)]
#[audit(crate = audit)]
pub enum Action {
    /// A ticket was sold.
    #[audit(action = "ticket.sold", target = "ticket")]
    Sold {
        /// What was paid for it, in cents.
        cents: i64,
    },
    /// A ticket was torn.
    #[audit(action = "ticket.torn", target = "ticket")]
    Torn,
}

/// A ticket, of which only the price may change.
#[derive(Debug, Clone, PartialEq, Eq, audit::AuditTarget, audit::Diff)]
#[audit(crate = audit)]
pub struct Ticket {
    /// Its number.
    #[audit(id, skip)]
    pub number: u64,
    /// What it costs, in cents.
    pub cents: i64,
}

/// Sells one.
#[must_use]
#[audited(crate = audit, action = "ticket.sold", metadata(cents))]
pub fn sell(number: u64, cents: i64) -> Ticket {
    Ticket { number, cents }
}

/// Sells one later.
#[audited(crate = audit, action = "ticket.sold", metadata(cents))]
pub async fn sell_later(number: u64, cents: i64) -> Ticket {
    Ticket { number, cents }
}

/// Changes the price of one.
#[audited(crate = audit, action = "ticket.torn", metadata(changes = later))]
pub fn change(ticket: &mut Ticket, cents: i64) {
    let before = ticket.clone();
    ticket.cents = cents;
    audit::annotate!(changes = audit::diff(&before, ticket));
}

/// The number of the first one.
///
/// # Safety
///
/// There is one.
#[must_use]
#[audited(crate = audit, action = "ticket.torn", target_id = |number| number)]
pub unsafe fn first(tickets: &[Ticket]) -> u64 {
    // SAFETY: the caller says so.
    unsafe { tickets.get_unchecked(0) }.number
}

/// The same, later.
///
/// # Safety
///
/// There is one.
#[audited(crate = audit, action = "ticket.torn", target_id = |number| number)]
pub async unsafe fn first_later(tickets: &[Ticket]) -> u64 {
    std::future::ready(()).await;
    // SAFETY: the caller says so.
    unsafe { tickets.get_unchecked(0) }.number
}

/// Both, for callers who may not call what is unsafe.
pub async fn first_twice(ticket: Ticket) -> (u64, u64) {
    let tickets = [ticket];
    // SAFETY: there is one.
    unsafe { (first(&tickets), first_later(&tickets).await) }
}

/// Makes an audited function of its own arguments.
#[macro_export]
macro_rules! audited_function {
    ($(#[$attribute:meta])* $vis:vis $name:ident, $action:literal, $number:ident: $type:ty, $result:ty, $value:expr) => {
        $(#[$attribute])*
        #[$crate::audited(
            crate = $crate::audit,
            catalog = $crate::audited,
            action = $action,
            target_id = $number,
            metadata(cents = 5_i64)
        )]
        $vis fn $name($number: $type) -> $result {
            $value
        }
    };
}
