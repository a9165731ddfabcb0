//! Actions of one's own, with metadata that the compiler checks.
//!
//! ```text
//! cargo run --example custom_catalog
//! ```

use std::error::Error;
use std::time::Duration;

use audit_core::query::{Reader, by_action};
use audit_core::store::Schema;
use audit_core::{Actor, Context, catalog, context};

mod audit {
    use audit_core::AuditAction;

    /// What this shop audits, and all that the built-in catalog has.
    #[derive(audit_core::Catalog)]
    pub(crate) enum Action {
        /// An invoice was paid back to the customer.
        #[audit(action = "invoice.refunded", target = "invoice")]
        InvoiceRefunded { amount_cents: i64, reason: Option<String> },
        /// Somebody looked at the card of a customer.
        #[audit(action = "card.viewed", target = "card", durability = "before")]
        CardViewed { last_four: String },
        #[audit(include)]
        Base(AuditAction),
    }
}

// One `use` brings the attribute, and the catalog that it is checked against.
use audit::audited;

#[derive(Debug, thiserror::Error)]
enum ShopError {
    #[error("there is no card {0}")]
    NoCard(String),
    #[error(transparent)]
    Audit(#[from] audit_core::Error),
}

/// Try `metadata(amount)`, or `amount_cents: &str`: neither compiles.
#[audited(action = "invoice.refunded", metadata(amount_cents, reason))]
async fn refund(invoice_id: u64, amount_cents: i64, reason: Option<&str>) {
    println!("refunded {amount_cents} cents of invoice {invoice_id}");
}

/// The catalog says `before`: where the attempt cannot be recorded, the body does not run.
#[audited(action = "card.viewed", target_id = card, metadata(last_four = "4242"))]
async fn view_card(card: &str) -> Result<String, ShopError> {
    match card {
        "card_1" => Ok("•••• 4242".to_owned()),
        _ => Err(ShopError::NoCard(card.to_owned())),
    }
}

/// An action of the catalog that was included.
#[audited(action = "user.invited", target_id = user, metadata(role))]
async fn invite(user: &str, role: &str) {
    println!("invited {user} as {role}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    let writer = audit_core::init(&url).await?;

    let clerk = Context::new().with_actor(Actor::user("clerk_1"));
    context::scope(clerk, async {
        refund(7, 1_250, Some("broken on arrival")).await;
        println!("saw {}", view_card("card_1").await?);
        if let Err(error) = view_card("card_2").await {
            println!("saw nothing: {error}");
        }
        invite("user_9", "viewer").await;
        Ok::<_, ShopError>(())
    })
    .await?;
    writer.shutdown(Duration::from_secs(10)).await;

    let actions = catalog::list::<audit::Action>();
    println!("the catalog has {} actions, the first of them {}", actions.len(), actions[0].name);
    let reader = Reader::connect(&url, &Schema::default()).await?;
    for row in reader.page(&by_action("card.viewed")).await?.rows {
        println!("{} {} {}", row.action, row.target_id.as_deref().unwrap_or("-"), row.outcome);
    }
    Ok(())
}
