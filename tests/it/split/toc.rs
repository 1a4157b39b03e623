//! Archives with the rows of a table in several entries, as a pg_dump that dumps large tables in
//! parts writes them: derived from a directory archive, whose table of contents is read and written
//! (`WriteHead` and `WriteToc` in `pg_backup_archiver.c`).

use std::fs;
use std::path::Path;

/// The bytes of a table of contents, read one value after the other.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn int(&mut self) -> i32 {
        let (sign, value) = (self.bytes[self.at], &self.bytes[self.at + 1..self.at + 5]);
        self.at += 5;
        let value = i32::from_le_bytes(value.try_into().unwrap());
        if sign == 0 { value } else { -value }
    }

    fn string(&mut self) -> Option<String> {
        let length = usize::try_from(self.int()).ok()?;
        self.at += length;
        Some(String::from_utf8(self.bytes[self.at - length..self.at].to_vec()).unwrap())
    }
}

fn int(value: i32) -> Vec<u8> {
    [&[u8::from(value < 0)][..], &value.unsigned_abs().to_le_bytes()].concat()
}

fn string(text: &str) -> Vec<u8> {
    [int(i32::try_from(text.len()).unwrap()), text.into()].concat()
}

/// Divides the rows of a table of an uncompressed directory archive into this many entries.
pub fn divide(archive: &Path, table: &str, parts: usize) {
    let path = archive.join("toc.dat");
    let bytes = fs::read(&path).unwrap();
    let minor = bytes[6];
    let mut reader = Reader { bytes: &bytes, at: 11 };
    // Its compression: a byte since 1.15, and a number before.
    if minor >= 15 {
        reader.at += 1;
    } else {
        reader.int();
    }
    (0..7).for_each(|_| _ = reader.int());
    (0..3).for_each(|_| drop(reader.string()));
    let head = &bytes[..reader.at];
    let count = reader.int();
    let mut entries: Vec<(i32, Vec<u8>)> = Vec::new();
    // Positions of the ID, the data file's name and the end of the table's data.
    let mut found = None;
    for place in 0..usize::try_from(count).unwrap() {
        let start = reader.at;
        let id = reader.int();
        reader.int();
        let texts: Vec<_> = (0..4).map(|_| reader.string()).collect();
        reader.int();
        (0..if minor >= 14 { 6 } else { 5 }).for_each(|_| drop(reader.string()));
        if minor >= 16 {
            reader.int();
        }
        (0..2).for_each(|_| drop(reader.string()));
        while reader.string().is_some() {}
        let name_at = reader.at;
        let file = reader.string();
        if texts[3].as_deref() == Some("TABLE DATA") && texts[2].as_deref() == Some(table) {
            found = Some((place, bytes[start + 5..name_at].to_vec(), file.unwrap()));
        }
        entries.push((id, bytes[start..reader.at].to_vec()));
    }
    let (place, middle, file) = found.expect("the table is in the archive");
    let data = fs::read_to_string(archive.join(&file)).unwrap();
    let rows: Vec<&str> = data.lines().take_while(|row| *row != "\\.").collect();
    let mut next = entries.iter().map(|(id, _)| *id).max().unwrap();
    entries.remove(place);
    fs::remove_file(archive.join(&file)).unwrap();
    for (number, rows) in rows.chunks(rows.len().div_ceil(parts)).enumerate() {
        next += 1;
        let file = format!("{next}.dat");
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        fs::write(archive.join(&file), lines + "\\.\n\n\n").unwrap();
        let entry = [int(next), middle.clone(), string(&file)].concat();
        entries.insert(place + number, (next, entry));
    }
    let count = i32::try_from(entries.len()).unwrap();
    let entries = entries.into_iter().flat_map(|(_, entry)| entry);
    fs::write(path, [head.to_vec(), int(count), entries.collect()].concat()).unwrap();
}
