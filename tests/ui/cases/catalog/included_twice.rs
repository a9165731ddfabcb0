#[derive(audit_core::Catalog)]
enum Action {
    #[audit(action = "project.created", target = "project")]
    ProjectCreated,
    #[audit(include)]
    Base(audit_core::AuditAction),
}

fn main() {}
