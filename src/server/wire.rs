//! The stream below the driver: negotiates TLS and watches the server's messages go by.
//!
//! The driver is configured for "direct TLS", so that the whole negotiation happens here
//! ([`Handshake`]) and every `sslmode` of libpq is possible; the resulting stream may well be
//! plain. Text is encoded on its way out and decoded on its way in ([`super::client_encoding`]).

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::client_encoding::{Incoming, Outgoing};
use super::error::{SessionError, Source};
use super::refused_copy::Correction;
use super::require_auth::{AuthCheck, RequireAuth};
use super::watch::{Scanner, Watch};
use crate::archive::encoding::Encoding;

/// How to negotiate, and where to record what is observed.
#[derive(Clone)]
pub(super) struct Connector {
    /// TLS, if it is to be tried.
    pub(super) tls: Option<MakeRustlsConnect>,
    /// Whether TLS is required.
    pub(super) required: bool,
    /// Whether to start TLS without an SSLRequest (`sslnegotiation=direct`).
    pub(super) direct: bool,
    /// The authentication methods that the server may use.
    pub(super) require_auth: Option<RequireAuth>,
    /// Whether the session starts in the server's own encoding rather than UTF-8.
    pub(super) server_encoding: bool,
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
            let scanner = Scanner::new(AuthCheck::new(this.connector.require_auth));
            let outgoing = Outgoing::new(this.connector.server_encoding);
            Ok(Watched::new(wire, scanner, outgoing, watch))
        })
    }
}

/// SSLRequest: length 8 and the code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

impl Handshake {
    async fn negotiate<S: Stream>(&mut self, mut stream: S) -> Result<Wire<S>, SessionError> {
        let Some(tls) = &mut self.connector.tls else { return Ok(Wire::Plain(stream)) };
        if !self.connector.direct {
            let network = |error: io::Error| SessionError::Network(error.into());
            stream.write_all(&SSL_REQUEST).await.map_err(network)?;
            stream.flush().await.map_err(network)?;
            // One byte and no more: what follows must go through TLS.
            match stream.read_u8().await.map_err(network)? {
                b'S' => {}
                b'N' if !self.connector.required => return Ok(Wire::Plain(stream)),
                b'N' => {
                    let what = "the server does not support TLS, but it is required".to_owned();
                    return Err(SessionError::Tls { what, source: None });
                }
                byte => {
                    let what = format!("unexpected response to the TLS request: byte {byte}");
                    return Err(SessionError::Protocol(what, None));
                }
            }
        }
        let connect = match MakeTlsConnect::<S>::make_tls_connect(tls, &self.name) {
            Ok(connect) => connect,
            Err(never) => match never {},
        };
        let stream = connect.connect(stream).await.map_err(|error| SessionError::Tls {
            what: "TLS handshake failed".to_owned(),
            source: Some(unwrapped(error)),
        })?;
        Ok(Wire::Tls(Box::new(stream)))
    }
}

/// The TLS error inside an I/O error, which only repeats it.
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

impl<S: Stream> Wire<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        }
    }
}

/// The writing half.
struct Writer<'a, S: Stream> {
    wire: &'a mut Wire<S>,
    outgoing: &'a mut Outgoing,
    encoding: &'a Encoding,
}

impl<S: Stream> Writer<'_, S> {
    /// Writes pending data.
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.pending.is_empty() {
            match ready!(self.wire.poll_write(cx, &self.outgoing.pending))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.outgoing.pending.advance(written),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A negotiated stream whose incoming messages are watched.
pub(super) struct Watched<S: Stream> {
    wire: Wire<S>,
    scanner: Scanner,
    watch: Arc<Watch>,
    /// Corrects what the driver writes.
    correction: Correction,
    outgoing: Outgoing,
    incoming: Incoming,
    /// Why no more can be written.
    broken: Option<io::Error>,
}

impl<S: Stream> Watched<S> {
    fn new(wire: Wire<S>, scanner: Scanner, outgoing: Outgoing, watch: Arc<Watch>) -> Self {
        let (correction, incoming) = (Correction::default(), Incoming::default());
        Self { wire, scanner, watch, correction, outgoing, incoming, broken: None }
    }

    /// Passes on the result of a write. The driver stops reading after an error, so the server's
    /// last message is read here.
    fn poll_written<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Writer<'_, S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let error = match self.broken.take() {
            Some(error) => error,
            None => {
                let mut writer = Writer {
                    wire: &mut self.wire,
                    outgoing: &mut self.outgoing,
                    encoding: &self.incoming.encoding,
                };
                let written = match writer.poll_pending(cx) {
                    Poll::Ready(Ok(())) => write(&mut writer, cx),
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                };
                match written {
                    Poll::Ready(Err(error)) => error,
                    other => return other,
                }
            }
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

fn refused(error: SessionError) -> io::Error {
    io::Error::other(error)
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
        let Self { wire, scanner, watch, incoming, .. } = self.get_mut();
        loop {
            let before = buf.filled().len();
            if !incoming.ready.is_empty() {
                let length = incoming.ready.len().min(buf.remaining());
                buf.put_slice(&incoming.ready.split_to(length));
                return Poll::Ready(scanner.feed(&buf.filled()[before..], watch).map_err(refused));
            }
            let room = buf.remaining();
            ready!(wire.poll_read(cx, buf))?;
            if buf.filled().len() == before {
                if room > 0 {
                    incoming.end();
                }
                if room == 0 || incoming.ready.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            let passed = incoming.take(&buf.filled()[before..]);
            buf.set_filled(before + passed);
            if passed > 0 {
                return Poll::Ready(scanner.feed(&buf.filled()[before..], watch).map_err(refused));
            }
        }
    }
}

impl<S: Stream> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let bytes = this.correction.of(&this.watch.copy, bytes);
        let written = this.poll_written(cx, |writer, cx| {
            let passing = writer.outgoing.passing(bytes);
            if passing == 0 {
                return Poll::Ready(Ok(writer.outgoing.take(bytes, writer.encoding)));
            }
            let written = ready!(writer.wire.poll_write(cx, &bytes[..passing]))?;
            writer.outgoing.passed(&bytes[..written]);
            Poll::Ready(Ok(written))
        });
        if let Poll::Ready(Ok(count)) = written {
            this.correction.wrote(&this.watch.copy, count);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(cx, |writer, cx| match writer.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        })
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(cx, |writer, cx| match writer.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn servers_last_message_is_read_after_failed_write() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let body = b"VFATAL\0C57P01\0Mterminating\0\0";
        theirs.write_all(&[b'E', 0, 0, 0, body.len() as u8 + 4]).await.unwrap();
        theirs.write_all(body).await.unwrap();
        drop(theirs);
        let (wire, watch) = (Wire::Plain(ours), Arc::<Watch>::default());
        let mut stream =
            Watched::new(wire, Scanner::default(), Outgoing::new(false), watch.clone());
        let error = async {
            stream.write_all(b"\0\0\0\x0dmore rows").await?;
            stream.flush().await
        };
        let error = error.await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(watch.last_words().unwrap().sqlstate, "57P01");
    }
}
