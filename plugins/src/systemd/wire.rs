//! The little of D-Bus's wire format that asking PID 1 takes (dbus.freedesktop.org/doc/dbus-specification.html).

use std::io::{self, Read};

/// More than any answer has; a larger length is a misunderstanding.
const LONGEST: u32 = 16 << 20;
const VERSION: u8 = 1;
const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const REPLY_SERIAL: u8 = 5;
const SIGNATURE: u8 = 8;

/// A parameter of a call.
pub enum Parameter<'a> {
    /// `s`
    Text(&'a str),
    /// `as`
    List(&'a [&'a str]),
}

/// A call of a method, ready to be sent.
pub fn call(
    serial: u32,
    path: &str,
    method: (&str, &str),
    parameters: &[Parameter<'_>],
) -> Vec<u8> {
    let mut body = Writer(Vec::new());
    let mut signature = String::new();
    for parameter in parameters {
        match parameter {
            Parameter::Text(text) => {
                signature += "s";
                body.text(text);
            }
            Parameter::List(texts) => {
                signature += "as";
                body.array(4, |body| texts.iter().for_each(|text| body.text(text)));
            }
        }
    }
    // Little endian, no flags.
    let mut message = Writer(vec![b'l', METHOD_CALL, 0, VERSION]);
    message.number(body.0.len() as u32);
    message.number(serial);
    message.array(8, |fields| {
        for (code, kind, value) in [
            (PATH, "o", path),
            (INTERFACE, "s", method.0),
            (MEMBER, "s", method.1),
        ] {
            fields.field(code, kind);
            fields.text(value);
        }
        fields.field(SIGNATURE, "g");
        fields.signature(&signature);
    });
    message.align(8);
    message.0.extend(body.0);
    message.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u32);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn signature(&mut self, text: &str) {
        self.0.push(text.len() as u8);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn field(&mut self, code: u8, kind: &str) {
        self.align(8);
        self.0.push(code);
        self.signature(kind);
    }

    /// The length in front counts neither itself nor the padding before the first element.
    fn array(&mut self, alignment: usize, fill: impl FnOnce(&mut Writer)) {
        self.number(0);
        let length_at = self.0.len() - 4;
        self.align(alignment);
        let start = self.0.len();
        fill(self);
        let length = (self.0.len() - start) as u32;
        self.0[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// An answer to a call.
pub struct Answer {
    /// To which one.
    pub serial: u32,
    /// Its values; none if the call was refused.
    pub values: Option<Values>,
}

/// Reads the next answer; signals, which PID 1 sends to everyone, are passed over.
pub fn answer(stream: &mut impl Read) -> io::Result<Answer> {
    loop {
        let mut start = [0; 16];
        stream.read_exact(&mut start)?;
        if !matches!(start, [b'l' | b'B', _, _, VERSION, ..]) {
            return Err(misunderstood());
        }
        let is_big = start[0] == b'B';
        let mut lengths = Values::new(start[4..].to_vec(), is_big);
        let (Some(body), Some(_), Some(fields)) =
            (lengths.number(), lengths.number(), lengths.number())
        else {
            return Err(misunderstood());
        };
        if body > LONGEST || fields > LONGEST {
            return Err(misunderstood());
        }
        let mut header = vec![0; (fields as usize).next_multiple_of(8)];
        stream.read_exact(&mut header)?;
        header.truncate(fields as usize);
        let mut bytes = vec![0; body as usize];
        stream.read_exact(&mut bytes)?;
        if start[1] == METHOD_RETURN || start[1] == ERROR {
            let serial = reply_serial(Values::new(header, is_big)).ok_or_else(misunderstood)?;
            let values = (start[1] == METHOD_RETURN).then(|| Values::new(bytes, is_big));
            return Ok(Answer { serial, values });
        }
    }
}

fn reply_serial(mut fields: Values) -> Option<u32> {
    loop {
        fields.align(8)?;
        let code = fields.byte()?;
        let kind = fields.signature()?;
        match kind.as_str() {
            "u" if code == REPLY_SERIAL => return fields.number(),
            "u" => drop(fields.number()?),
            "s" | "o" => drop(fields.text()?),
            "g" => drop(fields.signature()?),
            _ => return None,
        }
    }
}

fn misunderstood() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "an answer that is not understood",
    )
}

/// Values of a message, taken one after the other. None is the end, or a misunderstanding.
pub struct Values {
    bytes: Vec<u8>,
    at: usize,
    is_big: bool,
}

impl Values {
    fn new(bytes: Vec<u8>, is_big: bool) -> Values {
        Values {
            bytes,
            at: 0,
            is_big,
        }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut taken = <[u8; N]>::try_from(self.bytes.get(self.at..self.at + N)?).ok()?;
        self.at += N;
        if self.is_big {
            taken.reverse();
        }
        Some(taken)
    }

    /// Goes on to the next multiple.
    pub fn align(&mut self, to: usize) -> Option<()> {
        self.at = self.at.next_multiple_of(to);
        (self.at <= self.bytes.len()).then_some(())
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// `u`
    pub fn number(&mut self) -> Option<u32> {
        self.align(4)?;
        self.take().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.align(8)?;
        self.take().map(u64::from_le_bytes)
    }

    /// `s` or `o`
    pub fn text(&mut self) -> Option<String> {
        let length = self.number()? as usize;
        self.characters(length)
    }

    fn signature(&mut self) -> Option<String> {
        let length = self.byte()? as usize;
        self.characters(length)
    }

    fn characters(&mut self, length: usize) -> Option<String> {
        let end = self.at.checked_add(length)?;
        let text = String::from_utf8_lossy(self.bytes.get(self.at..end)?).into_owned();
        self.at = end + 1;
        Some(text)
    }

    /// `v`, as systemctl would show it: of a structure, the first value.
    pub fn variant(&mut self) -> Option<String> {
        let signature = self.signature()?;
        let mut kind = signature.as_str();
        if let Some(inside) = kind.strip_prefix('(') {
            self.align(8)?;
            kind = inside.get(..1)?;
        }
        match kind {
            "s" | "o" => self.text(),
            "b" => self
                .number()
                .map(|truth| if truth == 0 { "no" } else { "yes" }.into()),
            "u" => self.number().map(|number| number.to_string()),
            "i" => self.number().map(|number| number.cast_signed().to_string()),
            "t" => self.long().map(|number| number.to_string()),
            _ => None,
        }
    }

    /// Where an array ends whose elements begin at a multiple of `alignment`.
    pub fn array_end(&mut self, alignment: usize) -> Option<usize> {
        let length = self.number()? as usize;
        self.align(alignment)?;
        let end = self.at.checked_add(length)?;
        (end <= self.bytes.len()).then_some(end)
    }

    /// How far we are.
    pub fn position(&self) -> usize {
        self.at
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
pub(super) mod tests;
