use audit_core::audited;

#[audited(action = , target_id = 1)]
//~ action => write `action = …`
fn without_a_value() {}

#[audited(action = "project.updated", target_id, on =)]
//~ target_id => write `target_id = …`
//~ on => write `on = …`
fn without_values() {}

#[audited]
//~ #[audited] => name the action: `#[audited(action = "project.created", …)]`
fn without_arguments() {}

#[audited("project.updated", target_id = 1)]
//~ "project.updated" => arguments have names: `action = "project.created"`
fn without_a_name() {}

#[audited(action = "project.updated" target_id = 1)]
//~ target_id => unexpected token
fn without_a_comma() {}

#[audited(action = "project.updated", target = project, target_id = 1)]
//~ project => a target type is a string literal such as `"project"`
fn without_quotes() {}

#[audited(action = "project.updated", target_id = 1, metadata = 5)]
//~ metadata => write `metadata(name, other = EXPR, …)`
fn metadata_without_parentheses() {}

#[audited(action = "project.updated", target_id = 1, metadata(5, ret new_value, %old_value = 5, _audit = 1))]
//~ 5 => metadata has a name: write `name` or `name = EXPR`
//~ new_value => write `ret name = |ok| EXPR`
//~ old_value => write the sign before the value: `old_value = %EXPR`
//~ _audit => the metadata field `_audit` is reserved for the library's own marks
fn metadata_of_every_wrong_form() -> u8 {
    1
}

fn main() {}
