//! A server of one file that breaks on request.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// How one request is served. Requests after the last one are served normally.
#[derive(Clone, Debug)]
pub enum Act {
    /// Everything requested.
    Serve,
    /// This many bytes, then the connection closes.
    Cut(usize),
    /// This many bytes, then silence until the client leaves.
    Stall(usize),
    /// No answer; the connection closes when the test says so: [`Files::release`].
    Hold,
    /// A status and header lines, without a body.
    Answer(u16, String),
    /// A range that was not requested.
    WrongRange,
    /// A wrong length and no bytes.
    Length(u64),
}

/// A received request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The path with the query.
    pub target: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    /// A header by its lowercase name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// How the file is served.
#[derive(Clone, Debug)]
pub struct Served {
    pub body: Vec<u8>,
    pub etag: Option<String>,
    /// Whether ranges are supported.
    pub ranges: bool,
    /// Whether the length is sent; if not, the body is chunked.
    pub length: bool,
    pub acts: VecDeque<Act>,
    /// Whether [`Act::Hold`] is over.
    pub released: bool,
}

impl Served {
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        let etag = Some("\"v1\"".to_owned());
        Self {
            body: body.into(),
            etag,
            ranges: true,
            length: true,
            acts: VecDeque::new(),
            released: false,
        }
    }

    pub fn acts(mut self, acts: impl IntoIterator<Item = Act>) -> Self {
        self.acts = acts.into_iter().collect();
        self
    }
}

/// The server. Its threads end with the test binary.
pub struct Files {
    port: u16,
    state: Arc<Mutex<(Served, Vec<Asked>)>>,
}

impl Files {
    pub fn serve(served: Served) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new((served, Vec::new())));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // Clients that disconnect are part of the test.
                thread::spawn(move || drop(answer(client, &state)));
            }
        });
        Self { port, state }
    }

    /// The file's address with a path and a query chosen by the test.
    pub fn url(&self, target: &str) -> String {
        format!("http://127.0.0.1:{}{target}", self.port)
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.lock().1.clone()
    }

    /// Changes how the file is served.
    pub fn change(&self, change: impl FnOnce(&mut Served)) {
        change(&mut self.lock().0);
    }

    /// Releases the request that is held, or the next one that would be.
    pub fn release(&self) {
        self.lock().0.released = true;
    }

    fn lock(&self) -> MutexGuard<'_, (Served, Vec<Asked>)> {
        self.state.lock().unwrap()
    }
}

fn answer(client: TcpStream, state: &Mutex<(Served, Vec<Asked>)>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let Some(first) = lines.first() else { return Ok(()) };
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let asked = Asked {
        target: first.split(' ').nth(1).unwrap_or_default().to_owned(),
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
    };
    let (served, act) = {
        let mut state = state.lock().unwrap();
        let act = state.0.acts.pop_front().unwrap_or(Act::Serve);
        state.1.push(asked.clone());
        (state.0.clone(), act)
    };
    if matches!(act, Act::Hold) {
        while !state.lock().unwrap().0.released {
            thread::sleep(Duration::from_millis(5));
        }
        return client.shutdown(Shutdown::Both);
    }
    send(client, &served, &act, &asked)
}

fn send(mut client: TcpStream, served: &Served, act: &Act, asked: &Asked) -> std::io::Result<()> {
    let etag = served.etag.as_ref().map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
    match act {
        Act::Answer(status, headers) => {
            write!(client, "HTTP/1.1 {status} So\r\n{headers}Content-Length: 0\r\n")?;
            write!(client, "Connection: close\r\n\r\n")?;
            return client.shutdown(Shutdown::Both);
        }
        Act::Length(length) => {
            write!(client, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nx")?;
            return wait_for_end(client);
        }
        _ => {}
    }
    let total = served.body.len();
    let same = asked.header("if-range").is_none_or(|tag| Some(tag) == served.etag.as_deref());
    let range = asked.header("range").filter(|_| served.ranges && same);
    let from =
        range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let body = match from {
        Some(from) if from >= total => {
            write!(client, "HTTP/1.1 416 Beyond\r\nContent-Range: bytes */{total}\r\n")?;
            write!(client, "Content-Length: 0\r\nConnection: close\r\n\r\n")?;
            return client.shutdown(Shutdown::Both);
        }
        Some(from) => {
            let told = if matches!(act, Act::WrongRange) { from - 1 } else { from };
            write!(client, "HTTP/1.1 206 Part\r\n")?;
            write!(client, "Content-Range: bytes {told}-{}/{total}\r\n", total - 1)?;
            &served.body[from..]
        }
        None => {
            write!(client, "HTTP/1.1 200 OK\r\n")?;
            &served.body[..]
        }
    };
    write!(client, "{etag}Connection: close\r\n")?;
    let count = match act {
        Act::Cut(count) | Act::Stall(count) => (*count).min(body.len()),
        _ => body.len(),
    };
    if served.length {
        write!(client, "Content-Length: {}\r\n\r\n", body.len())?;
        client.write_all(&body[..count])?;
    } else {
        write!(client, "Transfer-Encoding: chunked\r\n\r\n")?;
        for chunk in body[..count].chunks(16 * 1024) {
            write!(client, "{:x}\r\n", chunk.len())?;
            client.write_all(chunk)?;
            write!(client, "\r\n")?;
        }
        if count == body.len() {
            write!(client, "0\r\n\r\n")?;
        }
    }
    match act {
        Act::Stall(_) => wait_for_end(client),
        _ => client.shutdown(Shutdown::Write),
    }
}

/// Until the client closes the connection.
fn wait_for_end(mut client: TcpStream) -> std::io::Result<()> {
    client.read(&mut [0]).map(drop)
}

/// Pseudo-random bytes that differ from seed to seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
