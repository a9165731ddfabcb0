use audit_core::AuditAction;
use audit_core::http::{ContextLayer, Routes, RoutesError};

fn layer() -> Result<ContextLayer, RoutesError> {
    let table = "
        POST   /projects            project.created
        DELETE /projects/{project}  project.deleted  project
    ";
    Ok(ContextLayer::new().record(Routes::of::<AuditAction>(table)?))
}
