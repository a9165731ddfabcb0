//! The names of files in a writer's directory.

use uuid::Uuid;

/// Held, locked, by the living.
pub(super) const LOCK: &str = "lock";

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Lock,
    /// Frames of a stream; higher numbers were written later.
    Segment {
        stream_id: Uuid,
        number: u64,
    },
    /// The batches of a stream from this one on belong elsewhere.
    Moved {
        stream_id: Uuid,
        from: i64,
    },
    /// What takes the place of a batch.
    Refrozen {
        stream_id: Uuid,
        batch_no: i64,
    },
    /// One that was being written, and has no name yet.
    Scratch,
    /// Not one of ours.
    Foreign,
}

impl Name {
    /// How the names of files end that are being written.
    pub(super) const SCRATCH: &str = "scratch";

    pub(super) fn parse(text: &str) -> Self {
        if text == LOCK {
            return Self::Lock;
        }
        parse(text).unwrap_or(Self::Foreign)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lock => f.write_str(LOCK),
            Self::Segment { stream_id, number } => write!(f, "{stream_id}-{number}.journal"),
            Self::Moved { stream_id, from } => write!(f, "{stream_id}-{from}.moved"),
            Self::Refrozen { stream_id, batch_no } => write!(f, "{stream_id}-{batch_no}.refrozen"),
            Self::Scratch => f.write_str(Self::SCRATCH),
            Self::Foreign => f.write_str("foreign"),
        }
    }
}

fn parse(text: &str) -> Option<Name> {
    let (stem, kind) = text.rsplit_once('.')?;
    if kind == Name::SCRATCH {
        return parse(stem).map(|_| Name::Scratch);
    }
    let (stream_id, number) = stem.rsplit_once('-')?;
    let stream_id = Uuid::parse_str(stream_id).ok()?;
    match kind {
        "journal" => Some(Name::Segment { stream_id, number: number.parse().ok()? }),
        "moved" => Some(Name::Moved { stream_id, from: number.parse().ok()? }),
        "refrozen" => Some(Name::Refrozen { stream_id, batch_no: number.parse().ok()? }),
        _ => None,
    }
}
