//! JSON objects, one after the other, once the fields are known.

use std::{collections::VecDeque, path::PathBuf};

use super::elements::Values;
use crate::{
    Result,
    data::{
        input::Content,
        json::{Object, Objects, parse},
        lines::shown,
        rows::Rows,
    },
};

/// The fields are chosen from fewer first objects if these are so large.
const MOST_BYTES_AT_FIRST: usize = 64 << 20;

/// The objects of one file.
pub(crate) struct Stream {
    values: Values,
    objects: Objects,
    /// Objects whose texts wait in the rows, as they stand.
    waiting: VecDeque<String>,
    ended: bool,
    /// Fields that no object may have.
    reserved: Vec<String>,
}

impl Stream {
    /// Begins to read `content`, whose first bytes are `head`: as many objects as it takes to choose the fields.
    pub(super) fn of(content: Content, head: &[u8], reserved: &[String], rows: &mut Rows<'_>) -> Result<Self> {
        let name: PathBuf = rows.path.clone();
        let mut stream = Self {
            values: Values::of(content, head, name),
            objects: Objects::default(),
            waiting: VecDeque::new(),
            ended: false,
            reserved: reserved.to_vec(),
        };
        let mut bytes = 0;
        while stream.objects.fields.is_none() && !stream.ended {
            stream.read(rows)?;
            bytes += stream.waiting.back().map_or(0, String::len);
            if bytes > MOST_BYTES_AT_FIRST {
                stream.objects.choose(rows)?;
            }
        }
        Ok(stream)
    }

    /// Reads one more object.
    fn read(&mut self, rows: &mut Rows<'_>) -> Result<()> {
        let Some((line, raw)) = self.values.next()? else {
            self.ended = true;
            self.objects.finish(rows)?;
            return rows.check();
        };
        match parse(&raw, &mut self.objects.replaced) {
            Ok(object) => {
                self.check(line, &object, rows)?;
                self.objects.take(line, object, rows)?;
            }
            Err((expected, got)) => rows.broken(Some(line), expected, got),
        }
        self.waiting.push_back(raw);
        rows.check()
    }

    fn check(&self, line: u64, object: &Object, rows: &Rows<'_>) -> Result<()> {
        match self.reserved.iter().find(|name| object.get(name).is_some()) {
            None => Ok(()),
            Some(name) => {
                let name = shown(name);
                let expected =
                    format!("objects without a field '{name}', which is added to each (--prefix names it otherwise)");
                rows.refuse(Some(line), expected, format!("one with '{name}'"))
            }
        }
    }

    /// Makes sure that the next object's text is in `rows` and returns the object as it stands; none after the last.
    pub(super) fn next(&mut self, rows: &mut Rows<'_>) -> Result<Option<String>> {
        if self.waiting.is_empty() && !self.ended {
            self.read(rows)?;
        }
        Ok(self.waiting.pop_front())
    }

    /// Objects that were read and not yet given: at first, those that the fields were chosen from.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().map(String::as_str)
    }
}
