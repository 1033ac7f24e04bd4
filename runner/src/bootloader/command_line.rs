//! The command line that this boot was started with, word by word.

use health_checks::Root;

use super::snapshot::number_of;
use crate::sys::boot;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelLine {
    /// As written, quotes included.
    words: Vec<String>,
}

impl KernelLine {
    /// Reads it. A container sees the command line of its host in /proc/cmdline; its own is that of PID 1.
    pub fn read(root: &Root) -> Self {
        let container = boot::in_container(root);
        let (path, separator) = match container {
            true => ("/proc/1/cmdline", '\0'),
            false => ("/proc/cmdline", ' '),
        };
        let bytes = std::fs::read(root.join(path)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        Self {
            words: match container {
                true => text.split(separator).map(str::to_owned).collect(),
                false => split(&text),
            },
        }
    }

    /// From a text, as in /proc/cmdline or the options of a boot entry.
    pub fn parse(text: &str) -> Self {
        Self { words: split(text) }
    }

    /// As written.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    /// The last value of an option, without quotes.
    pub fn value(&self, key: &str) -> Option<String> {
        self.values(key).pop()
    }

    /// All values of an option, without quotes.
    pub fn values(&self, key: &str) -> Vec<String> {
        let plain = self.words.iter().map(|word| word.replace(['"', '\''], ""));
        plain
            .filter_map(|word| {
                let (name, value) = word.split_once('=')?;
                (name == key).then(|| value.to_owned())
            })
            .collect()
    }

    /// Number of the snapshot that is mounted as `/`, if one is named. 'rootflags=' may be there more than once, each with
    /// several values; the last subvolume counts, as in mount(8).
    pub fn snapshot(&self) -> Option<u64> {
        self.subvolume().and_then(|subvolume| number_of(&subvolume))
    }

    /// The subvolume that is mounted as `/`, if one is named, by path or (`subvolid=`) by id.
    pub fn subvolume(&self) -> Option<String> {
        let flags = self.values("rootflags").join(",");
        let named = |flag: &&str| flag.starts_with("subvol=") || flag.starts_with("subvolid=");
        let last = flags.split(',').rfind(named)?;
        let (_, subvolume) = last.split_once('=')?;
        Some(subvolume.to_owned())
    }
}

/// Words end at blanks that are not quoted; quotes stay.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match quote {
            None if c.is_ascii_whitespace() => {
                words.push(String::new());
                continue;
            }
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(end) if c == end => quote = None,
            _ => {}
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snapshot_is_that_of_the_last_subvolume() {
        let table = [
            ("root=LABEL=x", None),
            ("rootflags=subvol=@/.snapshots/3/snapshot", Some(3)),
            ("rootflags=subvol=/@/.snapshots/3/snapshot ro", Some(3)),
            (
                "rootflags=compress=zstd,subvol=.snapshots/12/snapshot,noatime",
                Some(12),
            ),
            (
                "rootflags=subvol=@/.snapshots/3/snapshot rootflags=noatime",
                Some(3),
            ),
            (
                "rootflags=subvol=@/.snapshots/3/snapshot rootflags=subvol=@/.snapshots/4/snapshot",
                Some(4),
            ),
            ("\"rootflags=subvol=@/.snapshots/5/snapshot\"", Some(5)),
            ("rootflags=subvol=@", None),
            ("rootflags=subvol=@/.snapshots/x/snapshot", None),
            ("rootflags=subvol=@/my.snapshots/3/snapshot", None),
            (
                "rootflags=subvol=@/.snapshots/3/snapshot,subvolid=256",
                None,
            ),
            ("systemd.rootflags=subvol=@/.snapshots/3/snapshot", None),
        ];
        for (text, number) in table {
            assert_eq!(KernelLine::parse(text).snapshot(), number, "{text}");
        }
    }

    #[test]
    fn words_keep_their_quotes_and_values_do_not() {
        let line = KernelLine::parse("a=1  b=\"x y\"\tc 'd=4' a=2\n");
        let words: Vec<&str> = line.words().collect();
        assert_eq!(words, ["a=1", "b=\"x y\"", "c", "'d=4'", "a=2"]);
        assert_eq!(line.value("a").unwrap(), "2");
        assert_eq!(line.value("b").unwrap(), "x y");
        assert_eq!(line.value("d").unwrap(), "4");
        assert_eq!(line.value("c"), None);
    }
}
