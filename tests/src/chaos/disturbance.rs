//! What may happen.

use std::fmt;
use std::time::Duration;

use super::trouble::Trouble;
use crate::proxy::{Direction, Manner};

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disturbance {
    /// The program is killed with SIGKILL.
    KillProgram,
    /// The program is asked to end while its network is silent, and has little time.
    EndProgramInSilence,
    /// The server stops without a checkpoint, and starts again.
    StopServer,
    /// The server's main process is killed with SIGKILL, and starts again.
    KillServer,
    /// The writer's sessions are ended, again and again.
    TerminateSessions,
    /// The writer's statements are cancelled, again and again.
    CancelStatements,
    /// Something is wrong in the database.
    Database(Trouble),
    /// The program is killed while something is wrong in the database, and its successor begins then.
    KillProgramDuring(Trouble),
    /// The network misbehaves.
    Network(Manner),
    /// All connections are reset.
    ResetConnections,
    /// The program is killed while the network misbehaves.
    KillProgramBehind(Manner),
    /// The journal's disk is full while the server is away.
    FullJournalDisk,
    /// The journal's `fsync` fails while the server is away.
    FailingSync,
    /// The journal's `fsync` takes so many ms.
    SlowSync(u64),
    /// The program's clock steps, in seconds.
    StepClock(i32),
    /// The program's clock steps by some days, for which there is no partition.
    MissingPartition,
    /// The program is killed in the middle of a record of its journal.
    TearJournal,
    /// The program is killed, and a record in each file of its journal is damaged.
    DamageJournal,
    /// The program is killed, and its successor's writer panics now and then, for as long as that lives.
    PanicWriter,
    /// Nothing goes wrong for a while.
    Peace,
}

/// A month, in seconds: no partition is made so far ahead.
const BEYOND: i32 = 30 * 86_400;
const LOCKED: [Trouble; 3] =
    [Trouble::Locked("audit_logs"), Trouble::Locked("audit_batches"), Trouble::Locked("audit_outbox")];
const SILENT: [Manner; 3] =
    [Manner::Silent(Direction::Both), Manner::Silent(Direction::ToServer), Manner::Silent(Direction::ToClient)];

impl Disturbance {
    pub(super) const ALL: [Self; 41] = [
        Self::KillProgram,
        Self::KillProgram,
        Self::EndProgramInSilence,
        Self::StopServer,
        Self::KillServer,
        Self::TerminateSessions,
        Self::CancelStatements,
        Self::Database(LOCKED[0]),
        Self::Database(LOCKED[1]),
        Self::Database(LOCKED[2]),
        Self::Database(Trouble::LockedForLong),
        Self::Database(Trouble::ReadOnly),
        Self::Database(Trouble::FullDisk),
        Self::Database(Trouble::Poison),
        Self::Database(Trouble::NoTable),
        Self::KillProgramDuring(LOCKED[0]),
        Self::KillProgramDuring(LOCKED[1]),
        Self::KillProgramDuring(Trouble::ReadOnly),
        Self::KillProgramDuring(Trouble::FullDisk),
        Self::KillProgramDuring(Trouble::Poison),
        Self::KillProgramDuring(Trouble::NoTable),
        Self::Network(SILENT[0]),
        Self::Network(SILENT[1]),
        Self::Network(SILENT[2]),
        Self::Network(Manner::Trickle(Duration::from_secs(1))),
        Self::Network(Manner::LoseCommitReply),
        Self::ResetConnections,
        Self::KillProgramBehind(SILENT[0]),
        Self::KillProgramBehind(SILENT[2]),
        Self::KillProgramBehind(Manner::LoseCommitReply),
        Self::FullJournalDisk,
        Self::FailingSync,
        Self::DamageJournal,
        Self::TearJournal,
        Self::SlowSync(300),
        Self::StepClock(3_600),
        Self::StepClock(-3_600),
        Self::StepClock(BEYOND),
        Self::MissingPartition,
        Self::PanicWriter,
        Self::Peace,
    ];
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillProgram => f.write_str("kill -9 of the program"),
            Self::EndProgramInSilence => f.write_str("SIGTERM to the program while the network is silent"),
            Self::StopServer => f.write_str("immediate stop of the server"),
            Self::KillServer => f.write_str("kill -9 of the server"),
            Self::TerminateSessions => f.write_str("pg_terminate_backend in a loop"),
            Self::CancelStatements => f.write_str("pg_cancel_backend in a loop"),
            Self::Database(trouble) => write!(f, "{trouble}"),
            Self::KillProgramDuring(trouble) => write!(f, "kill -9 of the program, {trouble}"),
            Self::Network(manner) => write!(f, "network: {manner:?}"),
            Self::ResetConnections => f.write_str("every connection reset"),
            Self::KillProgramBehind(manner) => write!(f, "kill -9 of the program, network: {manner:?}"),
            Self::FullJournalDisk => f.write_str("server away, journal's disk full"),
            Self::FailingSync => f.write_str("server away, journal's fsync fails"),
            Self::SlowSync(millis) => write!(f, "server away, journal's fsync takes {millis} ms"),
            Self::StepClock(seconds) => write!(f, "clock steps by {seconds} s"),
            Self::MissingPartition => f.write_str("clock steps by days, without a partition"),
            Self::TearJournal => f.write_str("server away, kill -9 of the program within a record of its journal"),
            Self::DamageJournal => f.write_str("server away, kill -9 of the program, records of its journal damaged"),
            Self::PanicWriter => f.write_str("kill -9 of the program, its successor's writer panics"),
            Self::Peace => f.write_str("peace"),
        }
    }
}
