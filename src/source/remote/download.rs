//! The interface of a download: start it, receive its pieces.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::{Receiver, channel};

use super::error::Result;
use super::fetch::{Fetch, Received};
use super::{DownloadError, DownloadOptions, DownloadProgress, Locate};
use crate::http;

/// Pieces that may wait for the reader. The HTTP client's buffer grows to about 400 KiB, so they
/// take at most about 4 MiB.
const IN_FLIGHT: usize = 8;

/// Bytes that exist already, from the start of the file.
#[derive(Clone, Debug, Default)]
pub struct Start {
    pub(super) position: u64,
    pub(super) hash: Sha256,
}

impl Start {
    /// Reads the existing bytes.
    ///
    /// # Errors
    /// The reader's errors.
    pub fn after(mut reader: impl Read) -> io::Result<Self> {
        let mut start = Self::default();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(start),
                Ok(read) => {
                    start.position += read as u64;
                    start.hash.update(&buffer[..read]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A download. Dropping it cancels it.
#[derive(Debug)]
pub struct Download {
    pieces: Receiver<Received>,
    progress: DownloadProgress,
}

impl Download {
    /// Starts a download on a dedicated thread. `promised` is the expected length, if known;
    /// `start` the bytes that exist already.
    ///
    /// # Errors
    /// [`DownloadError::Start`].
    pub fn start<L: Locate>(
        locate: L,
        promised: Option<u64>,
        start: Start,
        options: DownloadOptions,
    ) -> Result<Self> {
        let client = http::following_redirects(options.connect)
            .map_err(|error| DownloadError::Start(Box::new(error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| DownloadError::Start(Box::new(error)))?;
        let (out, pieces) = channel(IN_FLIGHT);
        let progress = DownloadProgress::default();
        let fetch = Fetch::new((locate, promised), client, options, start, (out, progress.clone()));
        std::thread::Builder::new()
            .name("download".to_owned())
            .spawn(move || runtime.block_on(fetch.run()))
            .map_err(|error| DownloadError::Start(Box::new(error)))?;
        Ok(Self { pieces, progress })
    }

    /// Its progress, and its result once it is over.
    #[must_use]
    pub fn progress(&self) -> DownloadProgress {
        self.progress.clone()
    }

    /// The next bytes; `None` when all have arrived and the length is right.
    ///
    /// # Errors
    /// When the download failed.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Arc<DownloadError>> {
        let piece = self.pieces.recv().await;
        self.take(piece)
    }

    /// A reader of the bytes, for a thread that may block.
    #[must_use]
    pub fn into_reader(self) -> Reader {
        Reader { download: self, current: Bytes::new() }
    }

    fn take(&self, piece: Option<Received>) -> Result<Option<Bytes>, Arc<DownloadError>> {
        match piece {
            Some(piece) => piece.map(Some),
            None if self.progress.sha256().is_some() => Ok(None),
            None => {
                let failure = self.progress.failure();
                Err(failure.unwrap_or_else(|| Arc::new(DownloadError::Vanished)))
            }
        }
    }
}

/// The bytes of a download. Reading blocks, so it must not happen on a thread that runs
/// asynchronous tasks.
#[derive(Debug)]
pub struct Reader {
    download: Download,
    current: Bytes,
}

impl Read for Reader {
    /// Errors are `ConnectionAborted`, so that no decoder mistakes them for damage, or
    /// `InvalidData` when the bytes are not the expected ones.
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() && !output.is_empty() {
            let piece = self.download.pieces.blocking_recv();
            match self.download.take(piece) {
                Ok(Some(bytes)) => self.current = bytes,
                Ok(None) => return Ok(0),
                Err(error) => return Err(as_io(error)),
            }
        }
        let read = self.current.len().min(output.len());
        self.current.copy_to_slice(&mut output[..read]);
        Ok(read)
    }
}

fn as_io(error: Arc<DownloadError>) -> io::Error {
    let kind = match &*error {
        DownloadError::Changed { .. } => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, error)
}
