//! How a session begins.

use std::io::{self, Read, Write};

/// A start-up message: length, protocol, then names and values, each ended by NUL, and a NUL at the end.
pub(super) struct StartUp(Vec<u8>);

impl StartUp {
    const PARAMETERS: usize = 8;
    /// A server takes no longer one either.
    const LONGEST: usize = 10_000;

    pub(super) fn read(client: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let bytes = u32::from_be_bytes(length) as usize;
        if !(Self::PARAMETERS..=Self::LONGEST).contains(&bytes) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut message = vec![0; bytes];
        message[..4].copy_from_slice(&length);
        client.read_exact(&mut message[4..])?;
        Ok(Self(message))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn asks_for_options(&self) -> bool {
        self.parameters().iter().any(|(name, _)| *name == b"options")
    }

    pub(super) fn without_options(&self) -> Vec<u8> {
        let mut message = self.0[..Self::PARAMETERS].to_vec();
        for (name, value) in self.parameters() {
            if name != b"options" {
                message.extend([name, &[0], value, &[0]].concat());
            }
        }
        message.push(0);
        let length = u32::try_from(message.len()).expect("a start-up message is short");
        message[..4].copy_from_slice(&length.to_be_bytes());
        message
    }

    fn parameters(&self) -> Vec<(&[u8], &[u8])> {
        let texts: Vec<_> = self.0[Self::PARAMETERS..].split(|byte| *byte == 0).collect();
        texts.chunks_exact(2).filter(|pair| !pair[0].is_empty()).map(|pair| (pair[0], pair[1])).collect()
    }
}

/// Tells the client that it may ask for no options.
pub(super) fn refuse(client: &mut impl Write) -> io::Result<()> {
    let fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
    let length = u32::try_from(fields.len() + 4).expect("an error is short");
    client.write_all(&[b"E".as_slice(), &length.to_be_bytes(), fields].concat())
}
