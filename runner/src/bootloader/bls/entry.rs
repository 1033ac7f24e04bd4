//! Entries of the Boot Loader Specification (<https://uapi-group.org/specifications/specs/boot_loader_specification/>):
//! what their file names and texts say. No I/O.

use crate::bootloader::command_line::KernelLine;

const SUFFIX: &str = ".conf";

/// A file name with its boot counter: `NAME+LEFT-DONE.conf`, `NAME+LEFT.conf` or `NAME.conf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// Without counter: `NAME.conf`.
    pub id: String,
    /// Starts that are left.
    pub left: Option<u32>,
    /// Starts that there were.
    pub done: Option<u32>,
}

impl FileName {
    /// `None`: not the name of an entry.
    pub fn parse(name: &str) -> Option<Self> {
        let stem = name
            .strip_suffix(SUFFIX)
            .filter(|stem| !stem.is_empty() && !stem.starts_with('.'))?;
        let (stem, left, done) = match stem.rsplit_once('+') {
            Some((rest, counter)) if !rest.is_empty() => match parse_counter(counter) {
                Some((left, done)) => (rest, Some(left), done),
                // A plus of its own.
                None => (stem, None, None),
            },
            _ => (stem, None, None),
        };
        Some(Self {
            id: format!("{stem}{SUFFIX}"),
            left,
            done,
        })
    }

    /// From LoaderBootCountPath: `\loader\entries\snap-3+2-1.conf`.
    pub fn of_path(path: &str) -> Option<Self> {
        Self::parse(path.rsplit(['\\', '/']).next()?)
    }

    /// The name of this entry once it is bad: no start is left. Somebody started it, whatever was counted.
    pub fn bad(&self) -> String {
        let stem = self.id.strip_suffix(SUFFIX).unwrap_or(&self.id);
        format!("{stem}+0-{}{SUFFIX}", self.done.unwrap_or(0).max(1))
    }
}

/// The id of an entry as GRUB takes it and tells it: openSUSE's needs no `.conf`, and writes none.
pub fn id_for_grub(told: String) -> String {
    let has_suffix = [SUFFIX, ".efi"].iter().any(|suffix| told.ends_with(suffix));
    match has_suffix || told.is_empty() {
        true => told,
        false => told + SUFFIX,
    }
}

fn parse_counter(text: &str) -> Option<(u32, Option<u32>)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok())?
    };
    match text.split_once('-') {
        Some((left, done)) => Some((number(left)?, Some(number(done)?))),
        None => Some((number(text)?, None)),
    }
}

/// What an entry boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boots {
    /// This snapshot.
    Snapshot(u64),
    /// A Linux that mounts the default subvolume.
    Default,
    /// Something else: another system, a firmware tool, a subvolume that is no snapshot.
    Other,
}

/// What the text of an entry boots. All lines with options count, joined.
pub fn boots(text: &str) -> Boots {
    let mut options = String::new();
    let mut linux = false;
    for line in text.lines() {
        let line = line.trim();
        let Some((key, value)) = line.split_once(|c: char| c.is_ascii_whitespace()) else {
            continue;
        };
        match key {
            "options" => {
                options.push_str(value.trim());
                options.push(' ');
            }
            "linux" => linux = true,
            _ => {}
        }
    }
    let options = KernelLine::parse(&options);
    match (options.snapshot(), options.subvolume()) {
        (Some(number), _) => Boots::Snapshot(number),
        (None, None) if linux && options.value("root").is_some() => Boots::Default,
        (None, _) => Boots::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_counter() {
        let table = [
            ("snap-3.conf", Some(("snap-3.conf", None, None))),
            ("snap-3+3.conf", Some(("snap-3.conf", Some(3), None))),
            ("snap-3+2-1.conf", Some(("snap-3.conf", Some(2), Some(1)))),
            ("snap-3+0-12.conf", Some(("snap-3.conf", Some(0), Some(12)))),
            ("gcc+x-1.conf", Some(("gcc+x-1.conf", None, None))),
            ("c++.conf", Some(("c++.conf", None, None))),
            ("a+1-.conf", Some(("a+1-.conf", None, None))),
            ("a+-1.conf", Some(("a+-1.conf", None, None))),
            ("a+1+2-1.conf", Some(("a+1.conf", Some(2), Some(1)))),
            (
                "a+99999999999.conf",
                Some(("a+99999999999.conf", None, None)),
            ),
            ("+3.conf", Some(("+3.conf", None, None))),
            (".conf", None),
            (".hidden.conf", None),
            ("snap-3.conf.bak", None),
            ("snap-3", None),
        ];
        for (name, expected) in table {
            let parsed = FileName::parse(name);
            let parsed = parsed
                .as_ref()
                .map(|name| (name.id.as_str(), name.left, name.done));
            assert_eq!(parsed, expected, "{name}");
        }
        assert_eq!(
            FileName::of_path("\\loader\\entries\\snap-3+2-1.conf"),
            FileName::parse("snap-3+2-1.conf")
        );
        assert_eq!(FileName::of_path("\\EFI\\Linux\\image+2-1.efi"), None);
    }

    #[test]
    fn bad_ones_have_no_starts_left() {
        for (name, bad) in [
            ("a.conf", "a+0-1.conf"),
            ("a+3.conf", "a+0-1.conf"),
            ("a+2-1.conf", "a+0-1.conf"),
            ("a+0-7.conf", "a+0-7.conf"),
            ("x.conf.conf", "x.conf+0-1.conf"),
            ("x.conf+2-1.conf", "x.conf+0-1.conf"),
            ("c++.conf", "c+++0-1.conf"),
        ] {
            let parsed = FileName::parse(name).unwrap();
            assert_eq!(parsed.bad(), bad);
            // It is still the same entry.
            assert_eq!(FileName::parse(bad).unwrap().id, parsed.id);
        }
    }

    #[test]
    fn what_an_entry_boots() {
        let snapshot = "title X\nversion 1\nsort-key opensuse\nlinux /opensuse/linux\ninitrd /i\n\
            options root=UUID=1\noptions rootflags=noatime,subvol=@/.snapshots/7/snapshot quiet\n";
        assert_eq!(boots(snapshot), Boots::Snapshot(7));
        assert_eq!(
            boots("linux /l\r\noptions\troot=LABEL=r quiet\r\n"),
            Boots::Default
        );
        assert_eq!(
            boots("linux /l\noptions root=x rootflags=subvol=@\n"),
            Boots::Other
        );
        assert_eq!(
            boots("linux /l\noptions root=x rootflags=subvolid=256\n"),
            Boots::Other
        );
        assert_eq!(boots("title Memory test\nefi /memtest.efi\n"), Boots::Other);
        assert_eq!(boots("# linux /l\n#options root=x\n"), Boots::Other);
        assert_eq!(boots(""), Boots::Other);
    }
}
