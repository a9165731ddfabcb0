//! Names: their grammar, their hash, and which one was probably meant.

/// Longest action name in bytes, as in `audit_core::ActionName`.
const MAX_BYTES: usize = 128;

/// FNV-1a of 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>), by which a catalog's table is sorted.
pub(crate) fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// What is wrong with an action's name, if anything is.
pub(crate) fn complaint(name: &str) -> Option<String> {
    if name.len() > MAX_BYTES {
        return Some(format!("this action name has {} bytes: at most {MAX_BYTES} are allowed", name.len()));
    }
    (!name.contains('.') || !name.split('.').all(is_word)).then(|| {
        "an action name is lower-case words joined by dots, at least two, such as `project.created`".to_owned()
    })
}

/// Whether a text is one word of a name: `^[a-z][a-z0-9_]*$`.
pub(crate) fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// `; did you mean …?` for the known name that is most like the given one, if any is.
pub(crate) fn did_you_mean(given: &str, known: &[&str]) -> String {
    known
        .iter()
        .map(|name| (distance(given, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 3)
        .min()
        .map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// What is left of the longer name without the common prefix and suffix.
fn distance(a: &str, b: &str) -> usize {
    let prefix = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a.as_bytes()[prefix..], &b.as_bytes()[prefix..]);
    let suffix = rest_a.iter().rev().zip(rest_b.iter().rev()).take_while(|(a, b)| a == b).count();
    rest_a.len().max(rest_b.len()) - suffix
}
