//! Catalogs for people and for other programs.

use super::{ActionInfo, Catalog, list};
use crate::Durability;
use crate::coverage::{Site, sites};

/// The catalog as Markdown: a heading for each target type, below it each action with its fields.
///
/// In a program with functions that are audited against the catalog, each action also says which of them
/// [emit](crate::coverage) it.
#[must_use]
pub fn markdown<C: Catalog>() -> String {
    let mut actions = list::<C>();
    actions.sort_by_key(|info| (info.target, info.name));
    let mut sites = sites();
    sites.retain(|site| actions.iter().any(|info| info.name == site.action()));
    let mut blocks = vec!["# Audit catalog".to_owned()];
    let mut target = "";
    for info in actions {
        if info.target != target {
            target = info.target;
            blocks.push(format!("## Target `{target}`"));
        }
        blocks.push(format!("### `{}`", info.name));
        if !info.description.is_empty() {
            blocks.push(info.description.to_owned());
        }
        if info.durability != Durability::Queued {
            blocks.push(format!("Durability: `{}`.", info.durability));
        }
        blocks.push(markdown_fields(info));
        if !sites.is_empty() {
            blocks.push(markdown_sites(info, &sites));
        }
    }
    blocks.join("\n\n") + "\n"
}

fn markdown_fields(info: &ActionInfo) -> String {
    if info.free_form {
        return "Metadata: any.".to_owned();
    }
    if info.fields.is_empty() {
        return "Metadata: none.".to_owned();
    }
    let mut lines = vec!["| metadata | type | required | meaning |".to_owned(), "|---|---|---|---|".to_owned()];
    lines.extend(info.fields.iter().map(|field| {
        let required = if field.optional { "no" } else { "yes" };
        let meaning = field.description.replace('\n', " ").replace('|', "\\|");
        format!("| `{}` | `{}` | {required} | {meaning} |", field.name, field.type_name)
    }));
    lines.join("\n")
}

fn markdown_sites(info: &ActionInfo, sites: &[Site]) -> String {
    let mut lines = vec!["Emitted by:".to_owned(), String::new()];
    let here = sites.iter().filter(|site| site.action() == info.name);
    lines.extend(here.map(|site| format!("- `{}` ({}:{})", site.function(), site.file(), site.line())));
    if lines.len() == 2 {
        return "Emitted nowhere.".to_owned();
    }
    lines.join("\n")
}

/// The catalog as a JSON array of objects with `name`, `target`, `description`, `free_form`, `durability` and
/// `fields` (each with `name`, `type`, `optional` and `description`), sorted by name.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "it never does: text, booleans and lists always serialise")]
pub fn json<C: Catalog>() -> String {
    serde_json::to_string_pretty(&list::<C>()).expect("text, booleans and lists always serialise")
}

#[cfg(test)]
mod tests {
    use crate::{AuditAction, catalog::render};

    #[test]
    fn markdown_shows_each_action_with_its_fields() {
        let text = render::markdown::<AuditAction>();
        assert_eq!(text.matches("\n### `").count(), 14);
        let section = "### `user.role_changed`\n\nA person was given another role.\n\n\
            | metadata | type | required | meaning |\n|---|---|---|---|\n\
            | `old_role` | `String` | yes | The role until now. |\n\
            | `new_role` | `String` | yes | The role from now on. |\n\
            | `organization` | `Option<String>` | no | The organization in which the role holds. |\n";
        assert!(text.contains(section), "{text}");
    }

    #[test]
    fn json_holds_what_the_catalog_says() {
        let actions: serde_json::Value = serde_json::from_str(&render::json::<AuditAction>()).unwrap();
        let field = &actions[0]["fields"][1];
        assert_eq!(actions[0]["name"], "key.created");
        assert_eq!(actions[0]["target"], "api_key");
        assert_eq!(field["name"], "scopes");
        assert_eq!(field["type"], "Option<Vec<String>>");
        assert_eq!(field["optional"], true);
    }
}
