//! Signed notes, as [C2SP signed-note](https://c2sp.org/signed-note) describes them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{SignError, Signature, Signer, VerifyingKey};

/// Longest note that is read.
const MAX_BYTES: usize = 64 << 10;
/// Most signatures of a note that is read.
const MAX_SIGNATURES: usize = 16;
/// What a line with a signature begins with.
const DASH: &str = "\u{2014} ";

/// A text with signatures. As text: the lines that were signed, an empty line, and a line for each signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    hash: [u8; 4],
    /// Of another algorithm it is not 64 bytes, and is kept as it is.
    bytes: Vec<u8>,
}

/// Why a text is no signed note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no signed note: {reason}")]
pub struct NoteError {
    reason: &'static str,
}

impl Note {
    /// A text, which ends in a line break, with one signature.
    ///
    /// # Errors
    ///
    /// When the signer gives none.
    pub fn sign(text: String, signer: &dyn Signer) -> Result<Self, SignError> {
        let bytes = signer.sign(text.as_bytes())?.to_vec();
        let key = signer.verifying_key();
        let signature = NoteSignature { name: key.name().to_owned(), hash: key.hash(), bytes };
        Ok(Self { text, signatures: vec![signature] })
    }

    /// What was signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the key signed this text.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        self.signatures.iter().any(|signature| {
            signature.name == key.name()
                && signature.hash == key.hash()
                && Signature::try_from(signature.bytes.as_slice())
                    .is_ok_and(|bytes| key.verifies(self.text.as_bytes(), &bytes))
        })
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        let refuse = |reason| Err(NoteError { reason });
        if note.len() > MAX_BYTES {
            return refuse("it is longer than 64 KiB");
        }
        if note.contains(|c: char| c.is_control() && c != '\n') {
            return refuse("it holds a control character");
        }
        let Some((text, lines)) = note.rsplit_once("\n\n") else {
            return refuse("no empty line stands before signatures");
        };
        let Some(lines) = lines.strip_suffix('\n').filter(|lines| !lines.is_empty()) else {
            return refuse("its last line is no signature");
        };
        let signatures: Option<Vec<_>> = lines.split('\n').map(signature).collect();
        match signatures {
            None => refuse("a line behind the empty one is no signature"),
            Some(signatures) if signatures.len() > MAX_SIGNATURES => refuse("it has more than 16 signatures"),
            Some(signatures) => Ok(Self { text: format!("{text}\n"), signatures }),
        }
    }
}

fn signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (hash, bytes) = bytes.split_first_chunk()?;
    (!name.is_empty()).then(|| NoteSignature { name: name.to_owned(), hash: *hash, bytes: bytes.to_vec() })
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for NoteSignature { name, hash, bytes } in &self.signatures {
            writeln!(f, "{DASH}{name} {}", STANDARD.encode([hash.as_slice(), bytes].concat()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::SigningKey;

    /// The example of Go's `golang.org/x/mod/sumdb/note`, whose form C2SP took over.
    const GO_PRIVATE: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const GO_PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
         then you don't know what your problem is.\n\n\
         \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn keys_and_notes_are_those_of_another_implementation() {
        let key: SigningKey = GO_PRIVATE.parse().unwrap();
        assert_eq!(key.verifying_key().to_string(), GO_PUBLIC);
        assert_eq!(key.to_secret_text(), GO_PRIVATE);
        let note: Note = GO_NOTE.parse().unwrap();
        assert!(note.is_signed_by(&GO_PUBLIC.parse().unwrap()));
        assert_eq!(Note::sign(note.text().to_owned(), &key).unwrap().to_string(), GO_NOTE);
    }

    #[test]
    fn a_note_is_read_back_as_it_was_written() {
        let key = SigningKey::generate("log.example.org").unwrap();
        let note = Note::sign("a\n\nb\n".to_owned(), &key).unwrap();
        let again: Note = note.to_string().parse().unwrap();
        assert_eq!(again, note);
        assert!(again.is_signed_by(key.verifying_key()));
        let other = SigningKey::generate("log.example.org").unwrap();
        assert!(!again.is_signed_by(other.verifying_key()), "another key of the same name");
        let changed: Note = note.to_string().replace('a', "c").parse().unwrap();
        assert!(!changed.is_signed_by(key.verifying_key()), "another text");
    }

    #[test]
    fn rubbish_is_no_note() {
        for rubbish in [
            "",
            "\n\n",
            "a\n",
            "a\n\n\u{2014} b\n",
            "a\n\n\u{2014} b AAA=\n",
            "a\n\n- b AAAAAAAA\n",
            "a\r\n\n\u{2014} b AAAAAAAA\n",
        ] {
            assert!(rubbish.parse::<Note>().is_err(), "{rubbish:?}");
        }
    }
}
