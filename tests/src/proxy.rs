//! What may stand between a program and its server: a pooler, or a network that falls silent.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// How the proxy misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Refuses a session that asks for options, as `PgBouncer` does.
    RefuseOptions,
    /// Loses the options that a session asks for, as `PgBouncer` does when told to ignore them.
    LoseOptions,
    /// After this many bytes from the client of the first connection nothing passes any more, and the server never
    /// learns when the client is gone.
    FallSilentAfter(usize),
    /// Hands on what the client says with this text in it, and breaks the connection instead of handing back the answer, so many
    /// times.
    LoseReplies {
        /// What the client says: `COMMIT`, say.
        to: &'static str,
        /// How often.
        times: usize,
    },
}

/// Starts a proxy before the server at a port of loopback, for as long as this process lives. Gives back its own port.
#[must_use]
pub fn start(upstream: u16, manner: Manner) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let left = Arc::new(AtomicUsize::new(match manner {
        Manner::LoseReplies { times, .. } => times,
        _ => 0,
    }));
    thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let Ok(client) = client else { continue };
            let manner = match manner {
                Manner::FallSilentAfter(_) if number > 0 => None,
                manner => Some(manner),
            };
            // A connection that breaks is the business of whoever uses it.
            let left = Arc::clone(&left);
            thread::spawn(move || serve(client, upstream, manner, &left));
        }
    });
    port
}

fn serve(mut client: TcpStream, upstream: u16, manner: Option<Manner>, left: &AtomicUsize) -> io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream))?;
    let (mut back_from, mut back_to) = (server.try_clone()?, client.try_clone()?);
    let startup = StartUp::read(&mut client)?;
    match manner {
        Some(Manner::RefuseOptions) if startup.asks_for_options() => return refuse(&mut client),
        Some(Manner::LoseOptions) => server.write_all(&startup.without_options())?,
        _ => server.write_all(&startup.0)?,
    }
    if let Some(Manner::LoseReplies { to, .. }) = manner {
        return lose_replies(client, server, to.as_bytes(), left);
    }
    thread::spawn(move || {
        let _ = io::copy(&mut back_from, &mut back_to);
        back_to.shutdown(Shutdown::Both)
    });
    if let Some(Manner::FallSilentAfter(bytes)) = manner {
        io::copy(&mut (&client).take(bytes as u64), &mut server)?;
        loop {
            thread::park();
        }
    }
    io::copy(&mut client, &mut server)?;
    server.shutdown(Shutdown::Both)
}

/// Client and server take turns, so whatever the server says next is the answer.
fn lose_replies(mut client: TcpStream, mut server: TcpStream, to: &[u8], left: &AtomicUsize) -> io::Result<()> {
    let (mut back_from, mut back_to) = (server.try_clone()?, client.try_clone()?);
    let lost = Arc::new(AtomicBool::new(false));
    let is_lost = Arc::clone(&lost);
    thread::spawn(move || -> io::Result<()> {
        let mut answer = [0; 16 * 1024];
        loop {
            let length = back_from.read(&mut answer)?;
            if length == 0 || is_lost.load(Ordering::SeqCst) {
                return back_to.shutdown(Shutdown::Both);
            }
            back_to.write_all(&answer[..length])?;
        }
    });
    let mut said = [0; 16 * 1024];
    loop {
        let length = client.read(&mut said)?;
        if length == 0 {
            return server.shutdown(Shutdown::Both);
        }
        let names_it = said[..length].windows(to.len()).any(|window| window == to);
        let one_less = |left: usize| left.checked_sub(1);
        if names_it && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            lost.store(true, Ordering::SeqCst);
        }
        server.write_all(&said[..length])?;
    }
}

/// A start-up message: length, protocol, then names and values, each ended by NUL, and a NUL at the end.
struct StartUp(Vec<u8>);

impl StartUp {
    const PARAMETERS: usize = 8;

    fn read(client: &mut TcpStream) -> io::Result<Self> {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut message = vec![0; u32::from_be_bytes(length) as usize];
        message[..4].copy_from_slice(&length);
        client.read_exact(&mut message[4..])?;
        Ok(Self(message))
    }

    fn parameters(&self) -> Vec<(&[u8], &[u8])> {
        let texts: Vec<_> = self.0[Self::PARAMETERS..].split(|byte| *byte == 0).collect();
        texts.chunks_exact(2).filter(|pair| !pair[0].is_empty()).map(|pair| (pair[0], pair[1])).collect()
    }

    fn asks_for_options(&self) -> bool {
        self.parameters().iter().any(|(name, _)| *name == b"options")
    }

    fn without_options(&self) -> Vec<u8> {
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
}

fn refuse(client: &mut TcpStream) -> io::Result<()> {
    let fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
    let length = u32::try_from(fields.len() + 4).expect("an error is short");
    client.write_all(&[b"E".as_slice(), &length.to_be_bytes(), fields].concat())
}
