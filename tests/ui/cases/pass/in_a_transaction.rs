use audit_core::{Error, OutboxTransaction, audited};

#[audited(action = "project.deleted", tx = tx)]
async fn delete(tx: &mut impl OutboxTransaction, project_id: u64) -> Result<(), Error> {
    touch(tx, project_id).await
}

async fn touch<T: OutboxTransaction>(_: &mut T, _: u64) -> Result<(), Error> {
    std::future::ready(()).await;
    Ok(())
}

struct Unit<T> {
    tx: T,
}

#[audited(tx = &mut self.tx)]
impl<T: OutboxTransaction> Unit<T> {
    #[audited(action = "project.created", target_id = |id| *id)]
    async fn create(&mut self, name: String) -> Result<usize, Error> {
        touch(&mut self.tx, 1).await?;
        Ok(name.len())
    }

    #[audited(action = "project.updated", durability = "durable")]
    async fn update(&mut self, project_id: u64) -> Result<(), Error> {
        touch(&mut self.tx, project_id).await
    }
}

fn is_send<T: Send>(_: T) {}

#[allow(dead_code)]
fn all<T: OutboxTransaction>(mut tx: T, mut unit: Unit<T>) {
    is_send(delete(&mut tx, 1));
    is_send(unit.create(String::new()));
    is_send(unit.update(1));
}

fn main() {}
