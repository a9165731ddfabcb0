//! Checkpoints, as [C2SP tlog-checkpoint](https://c2sp.org/tlog-checkpoint) describes them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::batch::Hash;

/// How large the tree of a log is, and its root. As text it is what is signed: three lines.
///
/// # Examples
///
/// ```
/// use audit_core::seal::Checkpoint;
///
/// let text = "audit.example.org\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
/// let checkpoint: Checkpoint = text.parse()?;
/// assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("audit.example.org", 7));
/// assert_eq!(checkpoint.to_string(), text);
/// # Ok::<(), audit_core::seal::CheckpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log it is: the name of the key that signs.
    pub origin: String,
    /// Number of leaves: of headers.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
}

/// Why a text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no checkpoint: its {line} line is not {expected}")]
pub struct CheckpointError {
    line: &'static str,
    expected: &'static str,
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    /// Lines behind the third are extensions, which say nothing that is needed here.
    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let refuse = |line, expected| CheckpointError { line, expected };
        let mut lines = text.split('\n');
        let mut line = || lines.next().unwrap_or_default();
        let origin = Some(line()).filter(|origin| !origin.is_empty()).ok_or(refuse("first", "an origin"))?;
        let digits = line();
        let is_plain =
            digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        let size = digits.parse().ok().filter(|_| is_plain).ok_or(refuse("second", "a number of leaves"))?;
        let root = STANDARD.decode(line()).ok().and_then(|root| Hash::try_from(root).ok());
        let root = root.ok_or(refuse("third", "the 32 bytes of a root in Base64"))?;
        if !text.ends_with('\n') {
            return Err(refuse("last", "ended by a line break"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_no_checkpoint() {
        let root = STANDARD.encode([1; 32]);
        assert!(format!("o\n0\n{root}\n").parse::<Checkpoint>().is_ok());
        assert!(format!("o\n10\n{root}\nextension\n").parse::<Checkpoint>().is_ok());
        for rubbish in [
            String::new(),
            "o\n".to_owned(),
            format!("\n1\n{root}\n"),
            format!("o\n01\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n-1\n{root}\n"),
            format!("o\n18446744073709551616\n{root}\n"),
            format!("o\n1\n{root}"),
            "o\n1\nAAAA\n".to_owned(),
        ] {
            assert!(rubbish.parse::<Checkpoint>().is_err(), "{rubbish:?}");
        }
    }
}
