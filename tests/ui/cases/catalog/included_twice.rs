#[derive(audit_core::Catalog)]
enum Action {
    #[audit(action = "project.created", target = "project")]
    ProjectCreated,
    #[audit(include)]
    Base(audit_core::AuditAction),
    //~ audit_core => the included catalog declares the action `project.created`, which this catalog already has
}

fn main() {}
