//! Why an entry was dropped.

/// Why an entry was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// There was no place, and none within the overflow policy's bound.
    QueueFull,
    /// There is no writer: not yet, or not any more.
    NoWriter,
    /// The writer panicked over it.
    Panicked,
    /// The journal held the entry, and could not give it back.
    JournalDamaged,
    /// The process was forked from the one that has the writer.
    Forked,
}

impl DropReason {
    /// As `audit.gap` entries and metrics name it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::NoWriter => "no_writer",
            Self::Panicked => "panicked",
            Self::JournalDamaged => "journal_damaged",
            Self::Forked => "forked",
        }
    }

    /// What a caller is told.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::QueueFull => "the queue is full; the store is away or too slow, or `queue_entries` too small",
            Self::NoWriter => "there is no writer any more; shut the guard down after the last audited work",
            Self::Panicked => "the writer panicked over it; its message is in the program's log",
            Self::JournalDamaged => "its record in the journal is damaged; `audit journal status` shows what is left",
            Self::Forked => {
                "this process was forked from the one that has the writer; fork before `init`, or start an auditor in the \
                 child and hand it out through a `Context`"
            }
        }
    }
}
