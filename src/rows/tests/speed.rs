//! Measures transcoding speed: `cargo test --release --lib speed -- --ignored --nocapture`.
//! Not a test; the figures are MB of COPY text per second on one core.

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::rows::columns::ColumnType::{self, *};
use crate::rows::transcode::Transcoder;

/// Bytes of a chunk, as in a restore.
const CHUNK: usize = 256 * 1024;

/// A pseudo-random number generator (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn timestamp(&mut self) -> String {
        let (a, b, c) = (self.next(), self.next(), self.next());
        let (month, day, hour) = (a % 12 + 1, b % 28 + 1, a / 99 % 24);
        let (minute, second) = (b / 99 % 60, c % 60);
        format!("20{:02}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}", c / 99 % 30)
    }

    fn words(&mut self, count: u64) -> String {
        let mut text = String::new();
        for _ in 0..count {
            let word =
                ["lorem ", "ipsum ", "dolor ", "sit ", "amet ", "é "][self.below(6) as usize];
            text.push_str(word);
        }
        text
    }
}

fn measure(name: &str, columns: &[ColumnType], mut row: impl FnMut(&mut Numbers, &mut String)) {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut text = String::new();
    while text.len() < CHUNK {
        row(&mut numbers, &mut text);
        text.push('\n');
    }
    let mut transcoder = Transcoder::new(columns.to_vec());
    let mut out = BytesMut::new();
    let (mut best, mut rows) = (Duration::MAX, 0);
    for _ in 0..200 {
        out.clear();
        let started = Instant::now();
        rows = transcoder.transcode(black_box(text.as_bytes()), &mut out).unwrap();
        best = best.min(started.elapsed());
        black_box(&out);
    }
    let speed = text.len() as f64 / best.as_secs_f64() / 1e6;
    let size = out.len() as f64 / text.len() as f64;
    let each = best.as_nanos() as u64 / rows;
    println!("{name:30} {speed:7.0} MB/s, {each:5} ns a row, binary/text {size:.2}");
}

#[test]
#[ignore = "a measurement"]
fn megabytes_per_second() {
    measure("4 integers", &[Int4, Int4, Int8, Int8], |n, row| {
        let (a, b, c, d) = (n.below(1 << 31), n.below(1000), n.next() >> 1, n.below(1 << 40));
        write!(row, "{a}\t-{b}\t{c}\t{d}").unwrap();
    });
    measure("2 timestamps", &[Timestamp, TimestampTz], |n, row| {
        let (a, b, c) = (n.timestamp(), n.timestamp(), n.below(1_000_000));
        write!(row, "{a}\t{b}.{c:06}+00").unwrap();
    });
    let mixed = [Int8, Int4, TimestampTz, Text, Text, Bool, Timestamp];
    measure("integers, timestamps, text", &mixed, |n, row| {
        let (a, b, c, d) = (n.below(1 << 30), n.below(10_000), n.timestamp(), n.timestamp());
        let (words, flag) = (n.words(6), if n.below(2) == 0 { "t" } else { "f" });
        write!(row, "{a}\t{b}\t{c}+00\t{words}\t\\N\t{flag}\t{d}.123").unwrap();
    });
    measure("short text", &[Text, Text, Text], |n, row| {
        let (a, b, c) = (n.words(1), n.words(2), n.words(3));
        write!(row, "{a}\t{b}\t{c}").unwrap();
    });
    measure("long text", &[Int4, Text], |n, row| {
        let (a, b) = (n.below(1 << 30), n.words(300));
        write!(row, "{a}\t{b}").unwrap();
    });
    measure("long text with line ends", &[Int4, Text], |n, row| {
        let (a, b) = (n.below(1 << 30), n.words(300).replace("ipsum ", "\\n"));
        write!(row, "{a}\t{b}").unwrap();
    });
    measure("jsonb with escapes", &[Int4, Jsonb], |n, row| {
        let (a, b) = (n.below(1 << 30), n.words(4));
        write!(row, "{a}\t{{\"key\": \"{b}\", \"quoted\": \"\\\\\"{b}\\\\\"\"}}").unwrap();
    });
    measure("numerics", &[Numeric, Numeric, Numeric], |n, row| {
        let (a, b, c) = (n.below(1_000_000), n.below(100), n.next());
        write!(row, "{a}.{b:02}\t0.{b:04}\t{c}.{a:06}").unwrap();
    });
    measure("floats", &[Float8, Float8], |n, row| {
        let (a, b) = (n.below(1 << 53) as f64 / (1u64 << 40) as f64, n.below(1_000_000));
        write!(row, "{a}\t{b}.5").unwrap();
    });
    measure("uuids", &[Uuid, Uuid], |n, row| {
        for tab in ["", "\t"] {
            let (a, b) = (n.next(), n.next());
            let (a1, a2, a3) = (a >> 32, a >> 16 & 0xffff, a & 0xffff);
            write!(row, "{tab}{a1:08x}-{a2:04x}-{a3:04x}-{:04x}-{:012x}", b >> 48, b << 16 >> 16)
                .unwrap();
        }
    });
    measure("bytea", &[Bytea], |n, row| {
        row.push_str("\\\\x");
        for _ in 0..40 {
            write!(row, "{:016x}", n.next()).unwrap();
        }
    });
    measure("dates", &[Date, Date], |n, row| {
        let (a, b) = (n.timestamp(), n.timestamp());
        write!(row, "{}\t{}", &a[..10], &b[..10]).unwrap();
    });
    measure("intervals", &[Interval], |n, row| {
        let a = n.timestamp();
        write!(row, "{} years {} days {}.5", n.below(90), n.below(30), &a[11..]).unwrap();
    });
    let array = |element| Array { oid: 0, element: Box::new(element) };
    measure("arrays of integers and text", &[array(Int4), array(Text)], |n, row| {
        let (a, b, c) = (n.below(1 << 30), n.below(1 << 20), n.words(2));
        write!(row, "{{{a},{b},NULL,{b}}}\t{{\"{c}\",abc,\"{c}\"}}").unwrap();
    });
    measure("addresses", &[Inet], |n, row| {
        let (a, b, c) = (n.below(256), n.below(256), n.below(256));
        write!(row, "10.{a}.{b}.{c}").unwrap();
    });
}
