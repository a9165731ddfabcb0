use audit_core::audited;

#[audited(action = "project.deleted", durability = "durabel")]
//~ "durabel" => did you mean `durable`?
fn delete(project_id: u64) {}

#[audited(action = "project.updated", durability = "forever")]
//~ "forever" => write `"queued"`, `"durable"` or `"before"`
fn update(project_id: u64) {}

#[audited(action = "project.updated", durability = before)]
//~ before => write `"queued"`, `"durable"` or `"before"`
fn update_again(project_id: u64) {}

struct Projects;

#[audited(durability = "befor")]
//~ "befor" => did you mean `before`?
impl Projects {
    #[audited(action = "project.updated")]
    fn update(&self, project_id: u64) {}
}

#[derive(audit_core::Catalog)]
enum Action {
    #[audit(action = "door.opened", target = "door", durability = "que")]
    //~ "que" => did you mean `queued`?
    DoorOpened,
}

fn main() {}
