//! An outbox in the database of the log.

use std::sync::Arc;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::store::{BoxFuture, Store, drain::Drain};
use crate::store::{Schema, StoreError, by_kind};
use crate::writer::Source;

/// The outbox of the log at a URL.
pub(crate) fn open(
    url: &str,
    schema: &Schema,
    service_name: &str,
    pooler: bool,
) -> Result<Arc<dyn Source>, StoreError> {
    by_kind!(url, (schema, service_name, pooler),
        postgres => {
            let store = crate::store::PostgresStore::new(url, schema)?.with_service_name(service_name).with_pooler(pooler);
            Ok(Arc::new(Same(store)))
        },
        sqlite => Ok(Arc::new(Same(crate::store::SqliteStore::new(url)?))),
    )
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
struct Same<S>(S);

#[cfg(any(feature = "postgres", feature = "sqlite"))]
macro_rules! same {
    ($store:ty) => {
        impl Source for Same<$store> {
            fn describe(&self) -> String {
                self.0.describe()
            }

            fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Drain>, StoreError>> {
                Box::pin(async { Ok(Box::new(self.0.open().await?) as Box<dyn Drain>) })
            }
        }
    };
}

#[cfg(feature = "postgres")]
same!(crate::store::PostgresStore);
#[cfg(feature = "sqlite")]
same!(crate::store::SqliteStore);
