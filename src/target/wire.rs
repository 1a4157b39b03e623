//! The stream below the driver: negotiates TLS and watches the server's messages go by.
//!
//! The driver is told to speak "direct TLS", so that the whole negotiation happens here
//! ([`Handshake`]) and every `sslmode` of libpq can be had; what it gets back may well be plain.
//! The stream notes three things that the driver's interface does not tell: the transaction's
//! status in each ReadyForQuery, that an ErrorResponse came while a COPY is still sending, and how
//! many rows a COPY says that it has copied (PostgreSQL documentation, section "Message Formats").

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::command_tag::CommandTag;
use super::error::{Error, ServerError, Source};
use super::last_words::LastWords;
use super::require_auth::{AuthCheck, RequireAuth};

/// Where a session is between BEGIN and COMMIT, as the last ReadyForQuery said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// No transaction block.
    Idle,
    /// In a transaction block.
    InTransaction,
    /// In a transaction block that an error has aborted.
    Failed,
}

/// What the stream has seen; shared with the session.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The last ReadyForQuery's byte, 0 before the first.
    status: AtomicU8,
    errors: AtomicU64,
    /// The rows in the last COPY's command tag.
    copied: Mutex<Option<u64>>,
    /// What the server said when it ended the session.
    last_words: OnceLock<ServerError>,
}

impl Watch {
    pub(super) fn transaction_status(&self) -> TransactionStatus {
        match self.status.load(Ordering::Acquire) {
            b'T' => TransactionStatus::InTransaction,
            b'E' => TransactionStatus::Failed,
            _ => TransactionStatus::Idle,
        }
    }

    /// An ErrorResponse: it aborts the transaction block, which ReadyForQuery will say too.
    fn failed(&self) {
        self.errors.fetch_add(1, Ordering::AcqRel);
        if self.transaction_status() == TransactionStatus::InTransaction {
            self.status.store(b'E', Ordering::Release);
        }
    }

    /// How many ErrorResponses have come since the session began.
    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Acquire)
    }

    /// The rows of the COPY that ended last since this was called, if one did.
    pub(super) fn take_copied(&self) -> Option<u64> {
        self.copied.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Why the server ended the session, if it said so.
    pub(super) fn last_words(&self) -> Option<&ServerError> {
        self.last_words.get()
    }
}

/// Follows message boundaries through chunks of any size.
#[derive(Debug, Default)]
struct Scanner {
    /// Type and length of the message whose header is being read.
    header: [u8; 5],
    filled: usize,
    /// Bytes of the body still to come, once the header is whole.
    body: usize,
    words: LastWords,
    tag: CommandTag,
    auth: AuthCheck,
}

impl Scanner {
    /// # Errors
    /// When the server asks for a way of authentication that is not allowed.
    fn feed(&mut self, mut bytes: &[u8], watch: &Watch) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.body > 0 {
                // ReadyForQuery's body is its one byte of status.
                if self.header[0] == b'Z' {
                    watch.status.store(bytes[0], Ordering::Release);
                }
                let skipped = self.body.min(bytes.len());
                self.body -= skipped;
                if matches!(self.header[0], b'E' | b'N') {
                    self.words.feed(&bytes[..skipped]);
                    if let Some(error) = self.words.end().filter(|_| self.body == 0) {
                        let _ = watch.last_words.set(error);
                    }
                }
                if self.header[0] == b'R' {
                    self.auth.feed(&bytes[..skipped])?;
                }
                if self.header[0] == b'C' {
                    self.tag.feed(&bytes[..skipped]);
                    if let Some(rows) = self.tag.copied().filter(|_| self.body == 0) {
                        let mut copied =
                            watch.copied.lock().unwrap_or_else(PoisonError::into_inner);
                        *copied = Some(rows);
                    }
                }
                bytes = &bytes[skipped..];
                continue;
            }
            let taken = (self.header.len() - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == self.header.len() {
                self.filled = 0;
                let [kind, length @ ..] = self.header;
                // The length counts itself. The driver complains about one below four.
                self.body = (u32::from_be_bytes(length) as usize).saturating_sub(4);
                self.words.begin();
                self.tag.begin();
                self.auth.begin();
                if kind == b'E' {
                    watch.failed();
                }
            }
        }
        Ok(())
    }
}

/// How to negotiate, and where to note what is seen.
#[derive(Clone)]
pub(super) struct Connector {
    /// TLS, if it is to be tried.
    pub(super) tls: Option<MakeRustlsConnect>,
    /// Whether a server without TLS will not do.
    pub(super) required: bool,
    /// TLS without asking first (`sslnegotiation=direct`).
    pub(super) direct: bool,
    /// How the server may ask who connects.
    pub(super) require_auth: Option<RequireAuth>,
    pub(super) watch: Arc<Watch>,
}

/// One negotiation with the host of this name.
pub(super) struct Handshake {
    connector: Connector,
    name: String,
}

impl Connector {
    pub(super) fn handshake(&self, name: &str) -> Handshake {
        Handshake { connector: self.clone(), name: name.to_owned() }
    }
}

impl<S: Stream> MakeTlsConnect<S> for Connector {
    type Stream = Watched<S>;
    type TlsConnect = Handshake;
    type Error = Infallible;

    fn make_tls_connect(&mut self, name: &str) -> Result<Handshake, Infallible> {
        Ok(self.handshake(name))
    }
}

impl<S: Stream> TlsConnect<S> for Handshake {
    type Stream = Watched<S>;
    type Error = Source;
    type Future = Pin<Box<dyn Future<Output = Result<Watched<S>, Source>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let mut this = self;
            let watch = Arc::clone(&this.connector.watch);
            let wire = this.negotiate(stream).await?;
            let auth = AuthCheck::new(this.connector.require_auth);
            let scanner = Scanner { auth, ..Scanner::default() };
            Ok(Watched { wire, scanner, watch, broken: None })
        })
    }
}

/// SSLRequest: length 8 and the code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

impl Handshake {
    async fn negotiate<S: Stream>(&mut self, mut stream: S) -> Result<Wire<S>, Error> {
        let Some(tls) = &mut self.connector.tls else { return Ok(Wire::Plain(stream)) };
        if !self.connector.direct {
            let network = |error: io::Error| Error::Network(error.into());
            stream.write_all(&SSL_REQUEST).await.map_err(network)?;
            stream.flush().await.map_err(network)?;
            // One byte and no more: what follows must come through TLS.
            match stream.read_u8().await.map_err(network)? {
                b'S' => {}
                b'N' if !self.connector.required => return Ok(Wire::Plain(stream)),
                b'N' => {
                    let what = "the server does not support TLS, but it is required".to_owned();
                    return Err(Error::Tls { what, source: None });
                }
                byte => {
                    let what = format!("unexpected answer to the request for TLS: byte {byte}");
                    return Err(Error::Protocol(what, None));
                }
            }
        }
        let connect = match MakeTlsConnect::<S>::make_tls_connect(tls, &self.name) {
            Ok(connect) => connect,
            Err(never) => match never {},
        };
        let stream = connect.connect(stream).await.map_err(|error| Error::Tls {
            what: "TLS handshake failed".to_owned(),
            source: Some(unwrapped(error)),
        })?;
        Ok(Wire::Tls(Box::new(stream)))
    }
}

/// The TLS error inside an I/O error, which says no more than the same.
fn unwrapped(error: io::Error) -> Source {
    match error.downcast::<rustls::Error>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}

/// What a connection can run over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

type Tls<S> = <MakeRustlsConnect as MakeTlsConnect<S>>::Stream;

/// A stream after the negotiation.
enum Wire<S: Stream> {
    Plain(S),
    Tls(Box<Tls<S>>),
}

/// A negotiated stream whose incoming messages are watched.
pub(super) struct Watched<S: Stream> {
    wire: Wire<S>,
    scanner: Scanner,
    watch: Arc<Watch>,
    /// Why no more can be written.
    broken: Option<io::Error>,
}

impl<S: Stream> Watched<S> {
    /// Passes on the result of writing. The driver reads no more after an error, so what the server
    /// said before it went is read here.
    fn poll_written<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Wire<S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let error = match self.broken.take() {
            Some(error) => error,
            None => match write(&mut self.wire, cx) {
                Poll::Ready(Err(error)) => error,
                other => return other,
            },
        };
        let mut bytes = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *self).poll_read(cx, &mut buffer) {
                Poll::Pending => {
                    self.broken = Some(error);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<S: Stream> TlsStream for Watched<S> {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.wire {
            Wire::Plain(_) => ChannelBinding::none(),
            Wire::Tls(stream) => stream.channel_binding(),
        }
    }
}

impl<S: Stream> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = match &mut this.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        };
        match this.scanner.feed(&buf.filled()[before..], &this.watch) {
            Ok(()) => polled,
            Err(refused) => Poll::Ready(Err(io::Error::other(refused))),
        }
    }
}

impl<S: Stream> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_written(cx, |wire, cx| match wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(cx, |wire, cx| match wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        })
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().wire {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A NoticeResponse, an ErrorResponse and a ReadyForQuery after it; a COPY's end.
    const MESSAGES: &[u8] = b"N\0\0\0\x08EZZEE\0\0\0\x07ZZNZ\0\0\0\x05E\
        C\0\0\0\x0cCOPY 42\0N\0\0\0\x04Z\0\0\0\x05T";

    #[tokio::test]
    async fn what_the_server_said_last_is_read_when_writing_fails() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let body = b"VFATAL\0C57P01\0Mterminating\0\0";
        theirs.write_all(&[b'E', 0, 0, 0, body.len() as u8 + 4]).await.unwrap();
        theirs.write_all(body).await.unwrap();
        drop(theirs);
        let (wire, watch) = (Wire::Plain(ours), Arc::<Watch>::default());
        let mut stream =
            Watched { wire, scanner: Scanner::default(), watch: watch.clone(), broken: None };
        let error = stream.write_all(b"more rows").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(watch.last_words().unwrap().sqlstate, "57P01");
    }

    #[test]
    fn messages_are_told_apart_wherever_the_chunks_end() {
        for size in 1..=MESSAGES.len() {
            let (mut scanner, watch) = (Scanner::default(), Watch::default());
            let mut seen = Vec::new();
            for chunk in MESSAGES.chunks(size) {
                scanner.feed(chunk, &watch).unwrap();
                let status = watch.transaction_status();
                if seen.last() != Some(&status) {
                    seen.push(status);
                }
            }
            assert_eq!(watch.errors(), 1, "{size}");
            assert_eq!((watch.take_copied(), watch.take_copied()), (Some(42), None), "{size}");
            assert_eq!(seen.last(), Some(&TransactionStatus::InTransaction), "{size}");
            if size == 1 {
                assert!(seen.contains(&TransactionStatus::Failed));
            }
        }
    }
}
