//! What entries can be written in.

use super::{Record, Settings};
use crate::store::{BoxFuture, StoreError};

pub(crate) mod sealed {
    use super::{BoxFuture, Record, Settings, StoreError};

    /// Implemented here alone.
    pub trait Sealed: Send {
        /// Writes an entry in the transaction that is open.
        #[expect(private_interfaces, reason = "nobody outside can name the trait")]
        fn write<'a>(&'a mut self, record: &'a Record, settings: &'a Settings)
        -> BoxFuture<'a, Result<(), StoreError>>;
    }
}

/// A transaction of sqlx that an entry can be written in with [`outbox`](crate::outbox()): `sqlx::Transaction`, or the
/// connection that it is open on, of PostgreSQL or SQLite, or with the feature `any` of whichever of them `sqlx::Any` finds.
#[diagnostic::on_unimplemented(
    message = "no audit entry can be written in `{Self}`",
    label = "expected a transaction of sqlx",
    note = "give a `&mut sqlx::Transaction<'_, _>`, `&mut sqlx::PgConnection` or `&mut sqlx::SqliteConnection` of sqlx 0.9"
)]
pub trait OutboxTransaction: sealed::Sealed {}

#[diagnostic::do_not_recommend]
impl<T: OutboxTransaction + ?Sized> OutboxTransaction for &mut T {}

impl<T: sealed::Sealed + ?Sized> sealed::Sealed for &mut T {
    #[expect(private_interfaces, reason = "nobody outside can name the trait")]
    fn write<'a>(&'a mut self, record: &'a Record, settings: &'a Settings) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).write(record, settings)
    }
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
macro_rules! through_connection {
    ($write:path, $connection:ty: $($transaction:ty),*) => {
        through_connection!(@ $write, |connection| connection, $connection);
        $(through_connection!(@ $write, |transaction| &mut **transaction, $transaction);)*
    };
    (@ $write:path, |$this:ident| $connection:expr, $type:ty) => {
        impl crate::outbox::OutboxTransaction for $type {}

        impl crate::outbox::transaction::sealed::Sealed for $type {
            #[expect(private_interfaces, reason = "nobody outside can name the trait")]
            fn write<'a>(
                &'a mut self,
                record: &'a crate::outbox::Record,
                settings: &'a crate::outbox::Settings,
            ) -> crate::store::BoxFuture<'a, Result<(), crate::store::StoreError>> {
                let $this = self;
                Box::pin($write($connection, record, settings))
            }
        }
    };
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) use through_connection;
