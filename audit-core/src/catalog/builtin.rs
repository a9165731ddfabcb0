//! The built-in catalog.

use serde_json::Value;

use crate::Catalog;

/// The built-in catalog: what a control plane does to projects, keys, users and secrets.
#[derive(Debug, Clone, PartialEq, Catalog)]
pub enum AuditAction {
    /// A project was created.
    #[audit(action = "project.created", target = "project")]
    ProjectCreated {
        /// What the project was created with.
        changes: Option<Value>,
    },
    /// A project's settings were changed.
    #[audit(action = "project.updated", target = "project")]
    ProjectUpdated {
        /// What changed, by field.
        changes: Option<Value>,
        /// What was there before, where one value changed.
        old_value: Option<Value>,
        /// What is there now, where one value changed.
        new_value: Option<Value>,
    },
    /// A project was deleted.
    #[audit(action = "project.deleted", target = "project")]
    ProjectDeleted {
        /// Why.
        reason: Option<String>,
    },
    /// A person suspended a project.
    #[audit(action = "project.suspended", target = "project")]
    ProjectSuspended {
        /// Why.
        reason: Option<String>,
    },
    /// The system suspended a project by itself.
    #[audit(action = "project.auto_suspended", target = "project")]
    ProjectAutoSuspended {
        /// Why.
        reason: Option<String>,
        /// Whether the project had used up more than its plan allows.
        hard_cap_exceeded: Option<bool>,
    },
    /// An API key was created.
    #[audit(action = "key.created", target = "api_key")]
    KeyCreated {
        /// The kind of key.
        key_type: Option<String>,
        /// What the key may do.
        scopes: Option<Vec<String>>,
    },
    /// An API key was replaced by a new one.
    #[audit(action = "key.rotated", target = "api_key")]
    KeyRotated {
        /// The kind of key.
        key_type: Option<String>,
        /// What the key may do.
        scopes: Option<Vec<String>>,
    },
    /// An API key was made invalid.
    #[audit(action = "key.revoked", target = "api_key")]
    KeyRevoked {
        /// Why.
        reason: Option<String>,
    },
    /// A person was invited.
    #[audit(action = "user.invited", target = "user")]
    UserInvited {
        /// The role offered.
        role: Option<String>,
        /// The organization that the person is to join.
        organization: Option<String>,
    },
    /// A person's membership was ended.
    #[audit(action = "user.removed", target = "user")]
    UserRemoved {
        /// Why.
        reason: Option<String>,
        /// The organization that the person left.
        organization: Option<String>,
    },
    /// A person was given another role.
    #[audit(action = "user.role_changed", target = "user")]
    UserRoleChanged {
        /// The role until now.
        old_role: String,
        /// The role from now on.
        new_role: String,
        /// The organization in which the role holds.
        organization: Option<String>,
    },
    /// A secret was created.
    #[audit(action = "secret.created", target = "secret")]
    SecretCreated {
        /// The secret's name, never its value.
        secret_name: Option<String>,
    },
    /// A secret was read.
    #[audit(action = "secret.accessed", target = "secret")]
    SecretAccessed {
        /// The secret's name, never its value.
        secret_name: Option<String>,
    },
    /// A secret's value was replaced.
    #[audit(action = "secret.rotated", target = "secret")]
    SecretRotated {
        /// The secret's name, never its value.
        secret_name: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::AuditAction;
    use crate::{Catalog, TargetType, catalog};

    #[test]
    fn the_fourteen_actions_are_there_with_their_targets() {
        let listed: Vec<_> = catalog::list::<AuditAction>().iter().map(|info| (info.name, info.target)).collect();
        let expected = [
            ("key.created", "api_key"),
            ("key.revoked", "api_key"),
            ("key.rotated", "api_key"),
            ("project.auto_suspended", "project"),
            ("project.created", "project"),
            ("project.deleted", "project"),
            ("project.suspended", "project"),
            ("project.updated", "project"),
            ("secret.accessed", "secret"),
            ("secret.created", "secret"),
            ("secret.rotated", "secret"),
            ("user.invited", "user"),
            ("user.removed", "user"),
            ("user.role_changed", "user"),
        ];
        assert_eq!(listed, expected);
    }

    #[test]
    fn the_eight_target_types_are_there() {
        let names: Vec<_> = TargetType::ALL.iter().map(|kind| kind.as_str()).collect();
        let expected = ["project", "user", "api_key", "secret", "job", "organization", "team", "admin_session"];
        assert_eq!(names, expected);
        for info in catalog::list::<AuditAction>() {
            assert!(names.contains(&info.target), "{} has a target type of its own", info.name);
        }
    }

    #[test]
    fn the_twelve_metadata_names_are_there() {
        let names: BTreeSet<_> =
            catalog::list::<AuditAction>().iter().flat_map(|info| info.fields.iter().map(|field| field.name)).collect();
        let expected = [
            "changes",
            "hard_cap_exceeded",
            "key_type",
            "new_role",
            "new_value",
            "old_role",
            "old_value",
            "organization",
            "reason",
            "role",
            "scopes",
            "secret_name",
        ];
        assert_eq!(names, expected.into_iter().collect());
    }

    #[test]
    fn a_field_that_is_none_is_left_out() {
        let action = AuditAction::ProjectAutoSuspended { reason: None, hard_cap_exceeded: Some(true) };
        assert_eq!(action.info().name, "project.auto_suspended");
        assert_eq!(action.into_metadata().to_string(), r#"{"hard_cap_exceeded":true}"#);
    }
    #[test]
    fn a_variant_gives_each_value_to_its_own_field() {
        let action = AuditAction::UserRoleChanged {
            old_role: "viewer".to_owned(),
            new_role: "owner".to_owned(),
            organization: Some("acme".to_owned()),
        };
        let expected = json!({ "new_role": "owner", "old_role": "viewer", "organization": "acme" });
        assert_eq!(Value::Object(action.into_metadata().as_map().clone()), expected);
        let cleared =
            AuditAction::ProjectUpdated { changes: None, old_value: Some("blue".into()), new_value: Some(Value::Null) };
        let expected = json!({ "new_value": null, "old_value": "blue" });
        assert_eq!(Value::Object(cleared.into_metadata().as_map().clone()), expected);
    }
}
