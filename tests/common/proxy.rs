//! A TCP proxy in front of a server whose connections can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::cluster::{Cluster, Database};

/// Forwards connections to a server's socket until told to break them. The threads end
/// with the test binary.
pub struct Proxy {
    port: u16,
    user: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Bytes that the next connections may still send to the server in total; 0: unlimited.
    budget: AtomicU64,
    /// The text whose first sender is cut off.
    fatal: Mutex<Option<String>>,
    cut: AtomicUsize,
    refused: AtomicUsize,
    held_up: AtomicUsize,
    refuse: AtomicBool,
    stall: AtomicBool,
    /// Delay of each chunk of up to 16 KiB, in microseconds.
    delay: AtomicU64,
    accepted: AtomicUsize,
    /// Chunks sent by clients.
    sent: AtomicUsize,
    /// How many connections are answered at all.
    answered: AtomicUsize,
    /// Connections beyond that, which are kept open.
    waiting: Mutex<Vec<TcpStream>>,
    /// Connections that will still be answered that the server is starting up.
    starting: AtomicUsize,
    /// Whether the server's output is held back.
    mute: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A proxy in front of a server.
    pub fn start(cluster: &Cluster) -> Self {
        let server = cluster.server();
        let socket = server.socket_dir().join(format!(".s.PGSQL.{}", server.port()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("the listener is bound").port();
        let state = Arc::new(State::default());
        state.answered.store(usize::MAX, Ordering::SeqCst);
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.refuse.load(Ordering::SeqCst) {
                    shared.refused.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                if shared.is_starting() {
                    // A client that hangs up meanwhile counts as answered.
                    let _ = tell_starting(client);
                    continue;
                }
                if shared.accepted.load(Ordering::SeqCst) >= shared.answered.load(Ordering::SeqCst)
                {
                    shared.waiting.lock().expect("the lock is not poisoned").push(client);
                    continue;
                }
                let Ok(server) = UnixStream::connect(&socket) else { continue };
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                shared.forward(client, server);
            }
        });
        Self { port, user: server.superuser().to_owned(), state }
    }

    /// The connection URL of a database through the proxy.
    pub fn url(&self, database: &Database<'_>) -> String {
        format!("postgresql://{}@127.0.0.1:{}/{}", self.user, self.port, database.name)
    }

    /// Cuts, once, the connection that sends the byte after this many from now on, counted over
    /// all connections.
    pub fn cut_after(&self, bytes: u64) {
        assert!(bytes > 0, "0 means no limit");
        self.state.budget.store(bytes, Ordering::SeqCst);
    }

    /// Cuts, once, the connection that sends this text next, which does not arrive.
    pub fn cut_at(&self, text: &str) {
        *self.state.fatal.lock().expect("the lock is not poisoned") = Some(text.to_owned());
    }

    /// Cuts all open connections now.
    pub fn cut_all(&self) {
        for client in self.state.open.lock().expect("the lock is not poisoned").drain(..) {
            // It may be closed already.
            let _ = client.shutdown(Shutdown::Both);
        }
    }

    /// Whether new connections are closed at once.
    pub fn refuse(&self, refuse: bool) {
        self.state.refuse.store(refuse, Ordering::SeqCst);
    }

    /// Connections after this many are kept waiting, as by a pooler.
    pub fn answer_first(&self, connections: usize) {
        self.state.answered.store(connections, Ordering::SeqCst);
    }

    /// How many connections are kept waiting.
    pub fn kept_waiting(&self) -> usize {
        self.state.waiting.lock().expect("the lock is not poisoned").len()
    }

    /// Answers this many of the next connections like a server that is starting up.
    pub fn starting_up(&self, connections: usize) {
        self.state.starting.store(connections, Ordering::SeqCst);
    }

    /// How many connections will still be answered that way.
    pub fn still_to_tell(&self) -> usize {
        self.state.starting.load(Ordering::SeqCst)
    }

    /// Whether the server's answers are held back; what is sent to it is not.
    pub fn mute(&self, mute: bool) {
        self.state.mute.store(mute, Ordering::SeqCst);
    }

    /// Whether bytes are held back in both directions.
    pub fn stall(&self, stall: bool) {
        self.state.stall.store(stall, Ordering::SeqCst);
    }

    /// Delay of each chunk of up to 16 KiB on its way to the server.
    pub fn slow_down(&self, delay: Duration) {
        self.state.delay.store(delay.as_micros() as u64, Ordering::SeqCst);
    }

    /// How many connections reached the server.
    pub fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// How many times clients have sent something.
    pub fn sent(&self) -> usize {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// How many connections [`Proxy::cut_after`] and [`Proxy::cut_at`] have cut.
    pub fn cut(&self) -> usize {
        self.state.cut.load(Ordering::SeqCst)
    }

    /// How many connections were closed at once because of [`Proxy::refuse`].
    pub fn refused(&self) -> usize {
        self.state.refused.load(Ordering::SeqCst)
    }

    /// How many chunks have waited because of [`Proxy::stall`].
    pub fn held_up(&self) -> usize {
        self.state.held_up.load(Ordering::SeqCst)
    }
}

impl State {
    fn forward(self: &Arc<Self>, client: TcpStream, server: UnixStream) {
        let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone())
        else {
            return;
        };
        let (mut to_client, mut from_server) = (client, server);
        if let Ok(handle) = to_client.try_clone() {
            self.open.lock().expect("the lock is not poisoned").push(handle);
        }
        let state = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(read @ 1..) = from_client.read(&mut buffer) {
                thread::sleep(Duration::from_micros(state.delay.load(Ordering::SeqCst)));
                state.sent.fetch_add(1, Ordering::SeqCst);
                state.wait_while_stalled();
                let cut = state.spend(read as u64) || state.is_fatal(&buffer[..read]);
                if cut || to_server.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            // In both directions: the client must see the cut at once.
            let _ = from_client.shutdown(Shutdown::Both);
            let _ = to_server.shutdown(Shutdown::Both);
        });
        let state = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(read @ 1..) = from_server.read(&mut buffer) {
                state.wait_while_stalled();
                while state.mute.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                }
                if to_client.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            let _ = to_client.shutdown(Shutdown::Both);
            let _ = from_server.shutdown(Shutdown::Both);
        });
    }

    fn is_starting(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.starting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
    }

    fn wait_while_stalled(&self) {
        if self.stall.load(Ordering::SeqCst) {
            self.held_up.fetch_add(1, Ordering::SeqCst);
        }
        while self.stall.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether these bytes contain the text for which connections are cut.
    fn is_fatal(&self, bytes: &[u8]) -> bool {
        let mut fatal = self.fatal.lock().expect("the lock is not poisoned");
        let found =
            fatal.take_if(|text| String::from_utf8_lossy(bytes).contains(&**text)).is_some();
        self.cut.fetch_add(usize::from(found), Ordering::SeqCst);
        found
    }

    /// Whether these bytes exhaust the budget.
    fn spend(&self, bytes: u64) -> bool {
        let before = self.budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            (left > 0).then(|| left.saturating_sub(bytes))
        });
        let cut = before.is_ok_and(|left| left <= bytes);
        if cut {
            self.cut.fetch_add(1, Ordering::SeqCst);
        }
        cut
    }
}

/// Answers a connection like a server that is starting up (PostgreSQL documentation, "Message
/// Formats": StartupMessage, SSLRequest, ErrorResponse).
fn tell_starting(mut client: TcpStream) -> std::io::Result<()> {
    const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();
    if read_request(&mut client)?.starts_with(&SSL_REQUEST) {
        client.write_all(b"N")?;
        read_request(&mut client)?;
    }
    let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
    client.write_all(b"E")?;
    client.write_all(&(fields.len() as u32 + 4).to_be_bytes())?;
    client.write_all(fields)
}

/// The body of a message that a client sends before authentication: a length, and no type.
fn read_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
    client.read_exact(&mut body).map(|()| body)
}
