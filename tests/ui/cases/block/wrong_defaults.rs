use audit_core::audited;

struct Projects;

#[audited(action = "project.updated", on = "sucess", colour = 1)]
impl Projects {
    #[audited(action = "project.updated", target_id = 1)]
    fn update(&self) {}
}

#[audited(target = "project")]
impl Projects {
    fn unaudited(&self) {}
}

#[audited(target = "api_key")]
impl Projects {
    #[audited(action = "project.updated", target_id = 1)]
    fn contradicted(&self) {}
}

fn main() {}
