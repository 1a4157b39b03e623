//! The thread that reads a stream.
//!
//! It reads the table of contents, hands it over, and waits for a [`Sink`] for the data. A blocking
//! sink is the back-pressure: except for one buffer, nothing is read ahead of it.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;

use super::detect::{
    Magic, file_name, is_archive_file, member_path, no_archive_in_tar, not_an_archive, peek,
    tar_error,
};
use crate::archive::budget::{Budget, Proportionate};
use crate::archive::codec::{Decoder, GzipFraming};
use crate::archive::slice::{Counted, FileSlice, ReadCounter};
use crate::archive::stream::{Answer, FilesWalk, Halt, Sink, StreamItem, walk_custom};
use crate::archive::{ArchiveError, ErrorKind, Format, Result, Toc};

/// The most nested wrappers: even gzip, tar, gzip and tar again is unusual.
const MAX_DEPTH: usize = 5;

/// The most bytes that describe one tar member: its header, a long name, extended attributes. The
/// tar reader holds them in memory, whatever size their header claims.
const MEMBER_HEADERS: u64 = 1 << 20;

/// The callback for the end of the walk.
type Done = Box<dyn FnOnce(Result<()>) + Send>;

/// An archive being read as a stream: the TOC is read, the data waits.
pub struct StreamAccess {
    start: SyncSender<(Box<dyn Sink + Send>, Done)>,
}

impl std::fmt::Debug for StreamAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamAccess")
    }
}

impl StreamAccess {
    /// Starts reading. `again` is the same input from its start, if it can be read twice.
    pub(super) fn start(
        name: &str,
        reader: Box<dyn Read + Send>,
        again: Option<FileSlice>,
    ) -> Result<(Arc<Toc>, Format, Self)> {
        let (toc_out, toc_in) = sync_channel(1);
        let (start, wait) = sync_channel(1);
        let mut relay = Relay { toc: Some(toc_out), wait, sink: None, done: None };
        let name = name.to_owned();
        std::thread::Builder::new()
            .name("archive-stream".to_owned())
            .spawn(move || {
                let result =
                    read(reader, again, &mut relay).map_err(|error| error.in_archive(&name));
                relay.finish(result);
            })
            .map_err(ArchiveError::from_io)?;
        let (toc, format) = toc_in
            .recv()
            .unwrap_or_else(|_| Err(ArchiveError::truncated("no table of contents")))?;
        Ok((toc, format, Self { start }))
    }

    /// Reads the data into `sink`, on the stream's own thread. `done` is called there at the end,
    /// with the error if one occurred. A walk stopped by the sink is a success.
    pub fn run(self, sink: Box<dyn Sink + Send>, done: impl FnOnce(Result<()>) + Send + 'static) {
        // The thread waits for this until it ends, and it ends early only in a panic.
        if let Err(unsent) = self.start.send((sink, Box::new(done))) {
            (unsent.0.1)(Err(ArchiveError::truncated("the stream reader stopped unexpectedly")));
        }
    }
}

/// The message when the table of contents has been read, or could not be.
type Start = Result<(Arc<Toc>, Format)>;

/// Forwards to the real sink once there is one.
struct Relay {
    toc: Option<SyncSender<Start>>,
    wait: Receiver<(Box<dyn Sink + Send>, Done)>,
    sink: Option<Box<dyn Sink + Send>>,
    done: Option<Done>,
}

impl Relay {
    fn finish(mut self, result: Result<()>) {
        drop(self.sink.take());
        match (self.done.take(), self.toc.take()) {
            (Some(done), _) => done(result),
            (None, Some(toc)) => {
                let error =
                    result.err().unwrap_or_else(|| ArchiveError::truncated("no table of contents"));
                // The receiver is gone, so there is no one to notify.
                let _ = toc.send(Err(error));
            }
            (None, None) => {}
        }
    }

    fn forward(&mut self, tell: impl FnOnce(&mut dyn Sink) -> Answer) -> Answer {
        self.sink.as_deref_mut().map_or(Answer::Stop, |sink| tell(sink))
    }
}

impl Sink for Relay {
    fn toc(&mut self, toc: &Toc, format: Format) -> Answer {
        if let Some(out) = self.toc.take() {
            let _ = out.send(Ok((Arc::new(toc.clone()), format)));
        }
        match self.wait.recv() {
            Ok((sink, done)) => {
                (self.sink, self.done) = (Some(sink), Some(done));
                self.forward(|sink| sink.toc(toc, format))
            }
            Err(_) => Answer::Stop,
        }
    }

    fn begin(&mut self, item: &StreamItem) -> Answer {
        self.forward(|sink| sink.begin(item))
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        self.forward(|sink| sink.bytes(bytes))
    }

    fn end(&mut self) -> Answer {
        self.forward(|sink| sink.end())
    }

    fn behind(&mut self, bytes: u64) {
        if let Some(sink) = &mut self.sink {
            sink.behind(bytes);
        }
    }
}

/// Reads all of `reader` into `sink`. `again` is the same input from its start, if it can be read
/// twice.
pub(super) fn read(
    reader: Box<dyn Read + Send>,
    again: Option<FileSlice>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let toc_is_late = match start(reader, None, sink) {
        Ok(()) | Err(Halt::Stopped) => return Ok(()),
        Err(Halt::Error(error)) => return Err(error),
        Err(Halt::TocLate) => ArchiveError::new(ErrorKind::NotAnArchive(
            "its table of contents (toc.dat) comes after data, so it cannot be read as a stream: \
             pass the archive as a file"
                .to_owned(),
        )),
    };
    // Read a file twice: once for the TOC, once for the data.
    let again = again.ok_or(toc_is_late)?;
    let mut find = FindToc(None);
    let found = start(Box::new(again.clone()), Some(Late::Look), &mut find);
    let toc = match (found, find.0) {
        (_, Some(toc)) => toc,
        (Err(Halt::Error(error)), None) => return Err(error),
        (_, None) => {
            return Err(ArchiveError::missing("the file toc.dat is missing from the archive"));
        }
    };
    if sink.toc(&toc, Format::Tar) == Answer::Stop {
        return Ok(());
    }
    match start(Box::new(again), Some(Late::Known(&toc)), sink) {
        Ok(()) | Err(Halt::Stopped) => Ok(()),
        Err(Halt::Error(error)) => Err(error),
        Err(Halt::TocLate) => Err(ArchiveError::malformed("the archive changed while it was read")),
    }
}

/// How to handle a table of contents after the data.
#[derive(Clone, Copy)]
enum Late<'a> {
    /// Skip the data to find it.
    Look,
    /// It is known from a first pass.
    Known(&'a Toc),
}

/// Keeps the table of contents and stops.
struct FindToc(Option<Toc>);

impl Sink for FindToc {
    fn toc(&mut self, toc: &Toc, _: Format) -> Answer {
        self.0 = Some(toc.clone());
        Answer::Stop
    }

    fn begin(&mut self, _: &StreamItem) -> Answer {
        Answer::Skip
    }

    fn bytes(&mut self, _: Bytes) -> Answer {
        Answer::Skip
    }

    fn end(&mut self) -> Answer {
        Answer::Skip
    }
}

/// The context of a walk through wrappers.
struct Walk<'a> {
    late: Option<Late<'a>>,
    /// Counts the bytes received, before they are decompressed.
    input: ReadCounter,
    budget: Budget,
    sink: &'a mut dyn Sink,
}

/// Walks all of `reader`.
fn start(
    reader: Box<dyn Read + '_>,
    late: Option<Late<'_>>,
    sink: &mut dyn Sink,
) -> Result<(), Halt> {
    let input = ReadCounter::default();
    let budget = Budget::of_stream(input.clone());
    let reader = Counted { reader, counter: input.clone() };
    walk(Box::new(reader), 0, &mut Walk { late, input, budget, sink })
}

/// Walks `reader` in whatever format it has.
fn walk(reader: Box<dyn Read + '_>, depth: usize, on: &mut Walk<'_>) -> Result<(), Halt> {
    if depth > MAX_DEPTH {
        let what = format!("the archive is wrapped more than {MAX_DEPTH} times");
        return Err(ArchiveError::new(ErrorKind::Limit(what)).into());
    }
    let (magic, head, mut reader) = peek(reader)?;
    match magic {
        Magic::Custom => walk_custom(&mut reader, &mut on.budget, on.sink)?,
        Magic::Tar => walk_tar(&mut reader, depth, on)?,
        Magic::Compressed(compression) => {
            let inflated = Decoder::new(compression, GzipFraming::Gzip, &mut reader);
            let inflated = Proportionate::new(inflated, on.input.clone());
            walk(Box::new(inflated), depth + 1, on)?;
        }
        Magic::Unknown => return Err(not_an_archive(&head).into()),
    }
    // Read to the very end, to a wrapper's checksum.
    io::copy(&mut reader, &mut io::sink()).map_err(ArchiveError::from_io)?;
    Ok(())
}

fn walk_tar(reader: &mut impl Read, depth: usize, on: &mut Walk<'_>) -> Result<(), Halt> {
    let known = match on.late {
        Some(Late::Known(toc)) => Some(toc),
        _ => None,
    };
    let mut files = None;
    let mut found = false;
    let headers = Rc::new(Cell::new(MEMBER_HEADERS));
    let mut tar = tar::Archive::new(Headers { reader, left: headers.clone() });
    for entry in tar.entries().map_err(ArchiveError::from_io)? {
        let mut entry = entry.map_err(tar_error)?;
        headers.set(u64::MAX);
        if entry.header().entry_type().is_file() {
            let path = member_path(&entry)?;
            let name = file_name(&path);
            let size = entry.size();
            let mut whole = Whole { reader: &mut entry, left: size };
            if is_archive_file(name) && !found {
                let looking = matches!(on.late, Some(Late::Look)) && name != "toc.dat";
                let walk = files.get_or_insert_with(|| FilesWalk::new(known));
                if !looking {
                    walk.member(name, size, &mut whole, &mut on.budget, on.sink)?;
                }
            } else if files.is_none() && !found {
                let (magic, _, reader) = peek(whole)?;
                if magic != Magic::Unknown {
                    found = true;
                    walk(Box::new(reader), depth + 1, on)?;
                }
            }
        }
        // Read to the member's end here, so that only headers precede the next member.
        io::copy(&mut entry, &mut io::sink()).map_err(ArchiveError::from_io)?;
        headers.set(MEMBER_HEADERS);
    }
    match files {
        Some(walk) if matches!(on.late, Some(Late::Look)) => drop(walk),
        Some(walk) => walk.finish()?,
        None if found => {}
        None => return Err(no_archive_in_tar().into()),
    }
    Ok(())
}

/// The input of a tar reader, limited to `left` bytes.
struct Headers<R> {
    reader: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Headers<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(output)?;
        let left = self.left.get().checked_sub(read as u64);
        self.left.set(left.ok_or_else(|| {
            let what = format!("a tar member's name and attributes exceed {MEMBER_HEADERS} bytes");
            ArchiveError::new(ErrorKind::Limit(what))
        })?);
        Ok(read)
    }
}

/// A tar member, which must be as long as its header says: the tar reader treats the end of its
/// input as the end of a member.
struct Whole<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(output)?;
        self.left = self.left.saturating_sub(read as u64);
        if read == 0 && !output.is_empty() && self.left > 0 {
            return Err(ArchiveError::truncated("in a tar member").into());
        }
        Ok(read)
    }
}
