//! What is asked.

use audit_core::query::{Filter, Query};

use super::load::{ACTIONS, ACTORS, NAMES, RARE_ACTION, REQUESTS, TARGETS};

pub(super) struct Question {
    pub(super) name: &'static str,
    /// The query of this number: of hot and rare things in turn, so that no cache has the answer.
    pub(super) ask: fn(u64) -> Query,
    /// The same as a condition of SQL, where the seed can ask it.
    pub(super) seed: Option<fn(u64) -> String>,
}

/// A number between 0 and `most` that looks like chance.
const fn some(number: u64, most: u64) -> u64 {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % most
}

pub(super) fn asked(text: &str) -> Query {
    text.parse::<Filter>().expect("the grammar").into()
}

/// The condition of the few queries that are counted.
pub(super) fn condition_of(text: &str) -> String {
    match text.split_once(':') {
        Some(("actor", id)) => format!("actor_id = '{id}'"),
        Some((column, value)) => format!("{column} = '{value}'"),
        None => "true".to_owned(),
    }
}

/// What is asked of an index of the metadata.
pub(super) fn of_metadata() -> [Question; 2] {
    [
        Question {
            name: "metadata, one row in the year",
            ask: |n| asked(&format!("metadata.changes.name.from:\"Project {}\"", some(n, NAMES))),
            seed: None,
        },
        Question {
            name: "metadata, absent",
            ask: |n| asked(&format!("metadata.changes.name.from:\"Nothing {n}\"")),
            seed: None,
        },
    ]
}

fn hot_action(number: u64) -> &'static str {
    ACTIONS[usize::try_from(number % 3).unwrap_or(0)]
}

pub(super) fn all() -> Vec<Question> {
    vec![
        Question { name: "latest", ask: |_| Query::new(), seed: Some(|_| "true".to_owned()) },
        Question {
            name: "actor, hot",
            ask: |n| asked(&format!("actor:user_{}", n % 5)),
            seed: Some(|n| format!("actor_id = 'user_{}'", n % 5)),
        },
        Question {
            name: "actor, any",
            ask: |n| asked(&format!("actor:user/user_{}", some(n, ACTORS))),
            seed: Some(|n| format!("actor_type = 'user' AND actor_id = 'user_{}'", some(n, ACTORS))),
        },
        Question {
            name: "actor, absent",
            ask: |n| asked(&format!("actor:nobody_{n}")),
            seed: Some(|n| format!("actor_id = 'nobody_{n}'")),
        },
        Question {
            name: "target, any",
            ask: |n| asked(&format!("target:project/proj_{}", some(n, TARGETS))),
            seed: Some(|n| format!("target_type = 'project' AND target_id = 'proj_{}'", some(n, TARGETS))),
        },
        Question {
            name: "target, absent",
            ask: |n| asked(&format!("target:none_{n}")),
            seed: Some(|n| format!("target_id = 'none_{n}'")),
        },
        Question {
            name: "action, hot",
            ask: |n| asked(&format!("action:{}", hot_action(n))),
            seed: Some(|n| format!("action = '{}'", hot_action(n))),
        },
        Question {
            name: "action, rare: 20 in the year",
            ask: |_| asked(&format!("action:{RARE_ACTION}")),
            seed: Some(|_| format!("action = '{RARE_ACTION}'")),
        },
        Question {
            name: "action, absent",
            ask: |_| asked("action:nothing.done"),
            seed: Some(|_| "action = 'nothing.done'".to_owned()),
        },
        Question {
            name: "request",
            ask: |n| asked(&format!("request:req_{}", some(n, REQUESTS))),
            seed: Some(|n| format!("request_id = 'req_{}'", some(n, REQUESTS))),
        },
        Question {
            name: "a day of the year",
            ask: |n| asked(&format!("created:{}d..{}d", n % 350 + 1, n % 350)),
            seed: Some(|n| {
                format!(
                    "created_at BETWEEN now() - interval '{} days' AND now() - interval '{} days'",
                    n % 350 + 1,
                    n % 350
                )
            }),
        },
        Question {
            name: "actor and action",
            ask: |n| asked(&format!("actor:user_{} action:{}", some(n, ACTORS), hot_action(n))),
            seed: Some(|n| format!("actor_id = 'user_{}' AND action = '{}'", some(n, ACTORS), hot_action(n))),
        },
        Question {
            name: "hot actor, rare action",
            ask: |n| asked(&format!("actor:user_{} action:{RARE_ACTION}", n % 5)),
            seed: Some(|n| format!("actor_id = 'user_{}' AND action = '{RARE_ACTION}'", n % 5)),
        },
        Question {
            name: "target and action",
            ask: |n| asked(&format!("target:project/proj_{} action:{}", some(n, TARGETS), hot_action(n))),
            seed: Some(|n| format!("target_id = 'proj_{}' AND action = '{}'", some(n, TARGETS), hot_action(n))),
        },
        Question {
            name: "actor, 30 days",
            ask: |n| asked(&format!("actor:user_{} created:{}d..{}d", some(n, ACTORS), n % 300 + 30, n % 300)),
            seed: Some(|n| {
                format!(
                    "actor_id = 'user_{}' AND created_at BETWEEN now() - interval '{} days' AND now() - interval '{} days'",
                    some(n, ACTORS),
                    n % 300 + 30,
                    n % 300
                )
            }),
        },
        Question {
            name: "action, 30 days, oldest first",
            ask: |n| asked(&format!("action:{} created:{}d..{}d", hot_action(n), n % 300 + 30, n % 300)).oldest_first(),
            seed: None,
        },
        Question {
            name: "actor, denied",
            ask: |n| asked(&format!("actor:user_{} outcome:denied", some(n, ACTORS))),
            seed: None,
        },
    ]
}
