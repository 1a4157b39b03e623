//! Writes custom archives without data, byte by byte: the format of `pg_backup_archiver.c`
//! (`WriteHead`, `WriteToc`), version 1.15. The writer of the unit tests
//! (`src/archive/tests/writer.rs`) is not a part of the library.

pub struct Writer {
    entries: Vec<u8>,
    count: i32,
}

impl Writer {
    pub fn new() -> Self {
        Self { entries: Vec::new(), count: 0 }
    }

    /// Adds an entry in the pre-data section that depends on the entry with that ID.
    /// Returns its own ID.
    pub fn entry(
        &mut self,
        desc: &str,
        tag: &str,
        sql: &str,
        drop: &str,
        needs: Option<i32>,
    ) -> i32 {
        self.count += 1;
        let out = &mut self.entries;
        int(out, self.count);
        int(out, 0);
        for text in ["0", "0", tag, desc] {
            string(out, Some(text));
        }
        // SECTION_PRE_DATA
        int(out, 2);
        // Definition, DROP, COPY, schema, tablespace, no access method.
        for text in [sql, drop, "", "public", ""] {
            string(out, Some(text));
        }
        string(out, None);
        for text in ["postgres", "false"] {
            string(out, Some(text));
        }
        if let Some(number) = needs {
            string(out, Some(&number.to_string()));
        }
        string(out, None);
        // No data: K_OFFSET_NO_DATA and an offset that is never read.
        out.push(3);
        out.extend([0; 8]);
        self.count
    }

    pub fn finish(self) -> Vec<u8> {
        let mut out = b"PGDMP".to_vec();
        // Version 1.15.0, sizes of an integer and of an offset, custom format, compression.
        out.extend([1, 15, 0, 4, 8, 1, 0]);
        // 2026-01-01 00:00:00, no summer time: seconds, minutes, hours, day, month, year.
        for number in [0, 0, 0, 1, 0, 126, 0] {
            int(&mut out, number);
        }
        for text in ["many", "15.0", "15.0"] {
            string(&mut out, Some(text));
        }
        int(&mut out, self.count);
        out.extend(self.entries);
        out
    }
}

fn int(out: &mut Vec<u8>, number: i32) {
    out.push(u8::from(number < 0));
    out.extend(number.unsigned_abs().to_le_bytes());
}

fn string(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            int(out, i32::try_from(text.len()).unwrap());
            out.extend(text.as_bytes());
        }
        None => int(out, -1),
    }
}
