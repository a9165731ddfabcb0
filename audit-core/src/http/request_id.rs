//! The id of a request.

use std::time::SystemTime;

use http::HeaderName;
use uuid::Uuid;

use crate::Context;

/// The header in which it comes, and goes back.
pub(super) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken, in bytes.
const MAX_BYTES: usize = 128;

/// The id that the request brings, if it is well formed; otherwise a new one, a UUIDv7.
pub(super) fn request_id<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut values = values.into_iter();
    let only = values.next().filter(|_| values.next().is_none());
    let id = only.filter(|id| is_well_formed(id)).and_then(|id| str::from_utf8(id).ok());
    id.map_or_else(made, str::to_owned)
}

fn made() -> String {
    let id = Context::identify_request(SystemTime::now());
    id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
}

/// 1 to 128 of the ASCII letters, digits and `-_.:/+=`.
fn is_well_formed(id: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=MAX_BYTES).contains(&id.len()) && id.iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_formed_id_is_taken_and_another_replaced() {
        for id in ["a", "req_9", "01J:abc/def+ghi==", &"x".repeat(128)] {
            assert_eq!(request_id([id.as_bytes()]), id);
        }
        for id in ["", "a b", "a\"", "é", "<script>", "a,b", &"x".repeat(129)] {
            let made = request_id([id.as_bytes()]);
            assert_eq!(made.parse::<Uuid>().unwrap().get_version_num(), 7, "{id}");
        }
        assert_ne!(request_id([]), request_id([]));
        assert!(request_id([b"one".as_slice(), b"two"]).parse::<Uuid>().is_ok(), "which of them is it?");
    }
}
