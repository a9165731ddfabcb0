//! Where an export goes: standard output or a file, compressed or not.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};

use flate2::write::GzEncoder;

use audit_core::Row;

#[cfg(feature = "parquet")]
use super::parquet::Columns;
use super::progress::{Mark, Progress};
use super::{Compression, Format, line};
use crate::failure::Failure;
use crate::render::csv;

/// Where an export goes.
pub(super) enum Destination {
    /// As it is: what takes colours out would take bytes out of what is compressed.
    Standard(Encoder<BufWriter<Stdout>>),
    File {
        /// Between two marks; each begins one of its own.
        encoder: Option<Encoder<BufWriter<File>>>,
        compress: Compression,
        progress: Progress,
    },
    /// A file of columns, which cannot be gone on with.
    #[cfg(feature = "parquet")]
    Columns { columns: Box<Columns<BufWriter<File>>>, file: File },
    /// The same to standard output.
    #[cfg(feature = "parquet")]
    StandardColumns(Box<Columns<BufWriter<Stdout>>>),
}

impl Destination {
    pub(super) fn standard(compress: Compression) -> Result<Self, Failure> {
        let out = io::stdout();
        if compress != Compression::None && out.is_terminal() {
            return Err(Failure::usage("what is compressed is nothing to look at")
                .with_hint("name a file: --output FILE, or leave out --compress"));
        }
        Ok(Self::Standard(Encoder::new(BufWriter::new(out), compress)?))
    }

    pub(super) const fn file(progress: Progress, mark: &Mark) -> Self {
        Self::File { encoder: None, compress: mark.compress, progress }
    }

    #[cfg(feature = "parquet")]
    pub(super) fn columns(file: File) -> Result<Self, Failure> {
        let out = file.try_clone().and_then(|out| Columns::new(BufWriter::new(out)));
        let columns = Box::new(out.map_err(|error| Failure::failed(&error))?);
        Ok(Self::Columns { columns, file })
    }

    #[cfg(feature = "parquet")]
    pub(super) fn standard_columns() -> Result<Self, Failure> {
        let out = io::stdout();
        if out.is_terminal() {
            return Err(Failure::usage("Parquet is nothing to look at").with_hint("name a file: --output FILE"));
        }
        Ok(Self::StandardColumns(Box::new(Columns::new(BufWriter::new(out))?)))
    }

    /// Whether people see the entries go by.
    pub(super) fn is_shown(&self) -> bool {
        matches!(self, Self::Standard(_)) && io::stdout().is_terminal()
    }

    /// What stands before the first entry.
    pub(super) fn begin(&mut self, format: Format) -> Result<(), Failure> {
        if format == Format::Csv { self.write(csv::HEADER) } else { Ok(()) }
    }

    pub(super) fn put(&mut self, row: &Row, format: Format) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "parquet")]
            Self::Columns { columns, .. } => columns.push(row).map_err(|error| Failure::failed(&error)),
            #[cfg(feature = "parquet")]
            Self::StandardColumns(columns) => Ok(columns.push(row)?),
            Self::Standard(_) | Self::File { .. } => self.write(&line(row, format)?),
        }
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Standard(encoder) => encoder.write_all(text.as_bytes())?,
            Self::File { encoder, compress, progress } => {
                if encoder.is_none() {
                    let file = progress.file.try_clone().map_err(|error| Failure::failed(&error))?;
                    *encoder = Some(Encoder::new(BufWriter::new(file), *compress)?);
                }
                if let Some(encoder) = encoder {
                    encoder.write_all(text.as_bytes()).map_err(|error| Failure::failed(&error))?;
                }
            }
            #[cfg(feature = "parquet")]
            Self::Columns { .. } | Self::StandardColumns(_) => {}
        }
        Ok(())
    }

    /// Sees to it that an export which breaks off goes on from here.
    pub(super) fn mark(&mut self, mark: &mut Mark) -> Result<(), Failure> {
        let Self::File { progress, encoder, .. } = self else { return Ok(()) };
        end(encoder.take())?;
        progress.mark(mark)
    }

    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Self::Standard(encoder) => encoder.finish()?,
            Self::File { encoder, progress, .. } => {
                end(encoder.take())?;
                progress.finish()?;
            }
            #[cfg(feature = "parquet")]
            Self::Columns { columns, file } => {
                columns.finish().and_then(|()| file.sync_all()).map_err(|error| Failure::failed(&error))?;
            }
            #[cfg(feature = "parquet")]
            Self::StandardColumns(columns) => columns.finish()?,
        }
        Ok(())
    }

    /// Keeps what was written so far, and says how to go on.
    pub(super) fn break_off(&mut self, mark: &Mark) -> Result<String, Failure> {
        if matches!(self, Self::File { .. }) {
            self.mark(&mut mark.clone())?;
            return Ok(format!("{} entries are in the file; the same command with --resume goes on", mark.entries));
        }
        self.finish()?;
        Ok(match &mark.cursor {
            Some(cursor) => format!("{} entries were written; go on with --after {cursor}", mark.entries),
            None => super::ADVICE.to_owned(),
        })
    }
}

fn end(encoder: Option<Encoder<BufWriter<File>>>) -> Result<(), Failure> {
    let Some(mut encoder) = encoder else { return Ok(()) };
    encoder.finish().map_err(|error| Failure::failed(&error))
}

/// Compresses, or does not.
pub(super) enum Encoder<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    fn new(out: W, compress: Compression) -> io::Result<Self> {
        Ok(match compress {
            Compression::None => Self::Plain(out),
            Compression::Gzip => Self::Gzip(GzEncoder::new(out, flate2::Compression::default())),
            Compression::Zstd => Self::Zstd(zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?),
        })
    }

    /// Ends what both formats allow others to follow: a member (RFC 1952), a frame (RFC 8878).
    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(encoder) => {
                encoder.try_finish()?;
                encoder.get_mut().flush()
            }
            Self::Zstd(encoder) => {
                encoder.do_finish()?;
                encoder.get_mut().flush()
            }
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }
}
