//! One connection through the proxy: a thread for each direction.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::replies::Replies;
use super::startup::{self, StartUp};
use super::{Direction, Manner};

#[derive(Debug)]
pub(super) struct Connection {
    client: TcpStream,
    server: TcpStream,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    over: bool,
}

/// Serves a connection until one end closes it.
pub(super) fn serve(connection: Arc<Connection>) {
    // A connection that breaks is the business of whoever uses it.
    thread::spawn(move || {
        if connection.start_up().is_ok() {
            let back = Arc::clone(&connection);
            let back = thread::spawn(move || back.pass(Direction::ToClient));
            let _ = connection.pass(Direction::ToServer);
            connection.end();
            let _ = back.join();
        }
        connection.end();
    });
}

impl Connection {
    pub(super) fn new(client: TcpStream, server: TcpStream, manner: Manner) -> Self {
        Self { client, server, state: Mutex::new(State { manner, over: false }), changed: Condvar::new() }
    }

    pub(super) fn behave(&self, manner: Manner) {
        self.state().manner = manner;
        self.changed.notify_all();
    }

    pub(super) fn reset(&self) {
        for end in [&self.client, &self.server] {
            // Closing such a socket sends RST instead of FIN; it closes once its threads have ended.
            let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
        }
        self.end();
    }

    pub(super) fn is_over(&self) -> bool {
        self.state().over
    }

    fn end(&self) {
        self.state().over = true;
        self.changed.notify_all();
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    fn start_up(&self) -> io::Result<()> {
        let startup = StartUp::read(&mut &self.client)?;
        self.wait_to_pass(Direction::ToServer);
        let manner = self.state().manner;
        match manner {
            Manner::RefuseOptions if startup.asks_for_options() => {
                startup::refuse(&mut &self.client)?;
                Err(io::ErrorKind::ConnectionRefused.into())
            }
            Manner::LoseOptions => (&self.server).write_all(&startup.without_options()),
            _ => (&self.server).write_all(startup.bytes()),
        }
    }

    /// Passes on what comes, in one direction, until there is an end to it.
    fn pass(&self, direction: Direction) -> io::Result<()> {
        let (mut from, to) = match direction {
            Direction::ToClient => (&self.server, &self.client),
            _ => (&self.client, &self.server),
        };
        let mut replies = Replies::default();
        let mut buffer = vec![0; 16 * 1024];
        let mut passed = 0;
        loop {
            let count = from.read(&mut buffer).unwrap_or(0);
            // What fell silent keeps what has come, and an end does not pass either.
            self.wait_to_pass(direction);
            if count == 0 || self.is_over() {
                self.end();
                return Ok(());
            }
            let bytes = &buffer[..count];
            if direction == Direction::ToClient {
                let (reply, committed) = replies.next(bytes);
                if committed && self.state().manner == Manner::LoseCommitReply {
                    self.reset();
                    return Ok(());
                }
                self.write(to, direction, &reply)?;
            } else {
                let rest = self.fall_silent(to, bytes, &mut passed)?;
                self.write(to, direction, rest)?;
            }
        }
    }

    /// Passes the bytes that [`Manner::FallSilentAfter`] lets pass and then falls silent; gives back what is left to
    /// be written.
    fn fall_silent<'b>(&self, mut to: &TcpStream, bytes: &'b [u8], passed: &mut usize) -> io::Result<&'b [u8]> {
        let manner = self.state().manner;
        let room = match manner {
            Manner::FallSilentAfter(limit) => limit.saturating_sub(*passed),
            _ => bytes.len(),
        };
        *passed += bytes.len();
        if room >= bytes.len() {
            return Ok(bytes);
        }
        to.write_all(&bytes[..room])?;
        self.behave(Manner::Silent(Direction::Both));
        Ok(&bytes[room..])
    }

    /// Writes at the pace of the moment, as far as anything passes.
    fn write(&self, mut to: &TcpStream, direction: Direction, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.wait_to_pass(direction);
            let manner = self.state().manner;
            let Manner::Trickle(pause) = manner else { return to.write_all(bytes) };
            to.write_all(&bytes[..1])?;
            bytes = &bytes[1..];
            let state = self.state();
            let unchanged = |state: &mut State| state.manner == manner && !state.over;
            let _ = self.changed.wait_timeout_while(state, pause, unchanged).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Waits for as long as this direction is silent.
    fn wait_to_pass(&self, direction: Direction) {
        let silent = |state: &mut State| {
            let silent =
                matches!(state.manner, Manner::Silent(which) if which == direction || which == Direction::Both);
            silent && !state.over
        };
        drop(self.changed.wait_while(self.state(), silent).unwrap_or_else(PoisonError::into_inner));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
