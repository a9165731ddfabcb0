//! The server's messages, as far as they tell of commits.
//!
//! The format is that of PostgreSQL's manual, "Message Formats": a type byte, a length that counts itself, a body.

const HEADER: usize = 5;
const COMMAND_COMPLETE: u8 = b'C';
const READY_FOR_QUERY: u8 = b'Z';
/// What `ReadyForQuery` says outside transactions.
const IDLE: u8 = b'I';

/// Cuts what a server sends into messages, and keeps a reply that may tell of a commit together.
#[derive(Debug, Default)]
pub(super) struct Replies {
    held: Vec<u8>,
    /// Where the first incomplete message begins.
    scanned: usize,
    /// Whether a command that changes something is complete, and its transaction's state not known yet.
    changed: bool,
}

impl Replies {
    /// What may be passed on now, and whether that tells of a commit.
    pub(super) fn next(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        self.held.extend_from_slice(bytes);
        let mut committed = false;
        while let Some(message) = self.message() {
            let body = &message[HEADER..];
            match message[0] {
                COMMAND_COMPLETE => {
                    self.changed |= [b"COMMIT".as_slice(), b"INSERT"].iter().any(|tag| body.starts_with(tag));
                }
                READY_FOR_QUERY => {
                    committed |= self.changed && body == [IDLE];
                    self.changed = false;
                }
                _ => {}
            }
            self.scanned += message.len();
        }
        if self.changed {
            return (Vec::new(), committed);
        }
        (self.held.drain(..std::mem::take(&mut self.scanned)).collect(), committed)
    }

    /// The next complete message.
    fn message(&self) -> Option<Vec<u8>> {
        let rest = &self.held[self.scanned..];
        let length = rest.get(1..HEADER)?.try_into().map(u32::from_be_bytes).ok()? as usize;
        rest.get(..=length).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind], length.to_be_bytes().as_slice(), body].concat()
    }

    #[test]
    fn a_commit_is_seen_however_its_reply_is_cut() {
        let begin = [message(b'C', b"BEGIN\0"), message(b'Z', b"T")].concat();
        let insert = [message(b'2', b""), message(b'C', b"INSERT 0 1\0"), message(b'Z', b"T")].concat();
        let commit = [message(b'C', b"COMMIT\0"), message(b'Z', b"I")].concat();
        let alone = [message(b'C', b"INSERT 0 1\0"), message(b'Z', b"I")].concat();
        let select = [message(b'D', b"\0\0"), message(b'C', b"SELECT 1\0"), message(b'Z', b"I")].concat();
        for (reply, tells) in [(begin, false), (insert, false), (commit, true), (alone, true), (select, false)] {
            for cut in 0..=reply.len() {
                let mut replies = Replies::default();
                let (mut first, early) = replies.next(&reply[..cut]);
                let (second, late) = replies.next(&reply[cut..]);
                first.extend(second);
                assert_eq!((first.as_slice(), early || late), (reply.as_slice(), tells), "cut at {cut}");
            }
        }
    }
}
