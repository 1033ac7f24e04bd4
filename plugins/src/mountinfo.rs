//! What is mounted where, from /proc/self/mountinfo (proc(5)).

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountEntry {
    /// Where it is mounted.
    pub point: String,
    /// Type of the file system.
    pub kind: String,
    /// What is mounted: a device, mostly.
    pub source: String,
    /// Options of the mount and of the file system, word by word.
    pub options: Vec<String>,
}

impl MountEntry {
    /// Whether it is mounted read-only: `ro` as a word of its own, not as part of `errors=remount-ro`.
    pub fn is_read_only(&self) -> bool {
        self.options.iter().any(|option| option == "ro")
    }
}

/// What is mounted at a path now: the last mount there covers the others.
pub fn at(mountinfo: &str, point: &str) -> Option<MountEntry> {
    mountinfo
        .lines()
        .filter_map(entry)
        .rfind(|entry| entry.point == point)
}

/// `36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/sda1 rw,errors=continue`
fn entry(line: &str) -> Option<MountEntry> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(4);
    let (point, mount_options) = (mount.next()?, mount.next()?);
    let mut file_system = file_system.split(' ');
    let (kind, source) = (file_system.next()?, file_system.next()?);
    let options = [mount_options, file_system.next().unwrap_or_default()];
    Some(MountEntry {
        point: unescape(point),
        kind: kind.into(),
        source: unescape(source),
        options: options
            .iter()
            .flat_map(|list| list.split(','))
            .map(unescape)
            .collect(),
    })
}

/// Spaces, tabs, line ends and backslashes are written as `\040`.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &rest[4..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
30 22 0:25 /@/var /var rw,noatime shared:2 master:3 - btrfs /dev/sda2 rw,subvol=/@/var
31 22 0:26 / /mnt/my\\040disk ro,relatime - ext4 /dev/disk\\011x rw
32 22 0:27 / /home rw - autofs systemd-1 rw
33 32 0:28 / /home rw shared:9 - xfs /dev/sdb1 rw
34 22 0:29 / /srv rw - ext4 /dev/sdc1 ro
broken line
";

    #[test]
    fn the_last_mount_counts_and_words_are_words() {
        let root = at(SAMPLE, "/").unwrap();
        assert_eq!((root.kind.as_str(), root.is_read_only()), ("ext4", false));
        let var = at(SAMPLE, "/var").unwrap();
        assert_eq!(
            (var.kind.as_str(), var.source.as_str()),
            ("btrfs", "/dev/sda2")
        );
        let disk = at(SAMPLE, "/mnt/my disk").unwrap();
        assert_eq!(
            (disk.source.as_str(), disk.is_read_only()),
            ("/dev/disk\tx", true)
        );
        assert_eq!(at(SAMPLE, "/home").unwrap().kind, "xfs");
        assert!(at(SAMPLE, "/srv").unwrap().is_read_only());
        assert_eq!(at(SAMPLE, "/va"), None);
        assert_eq!(unescape("a\\0"), "a\\0");
        assert_eq!(unescape("\\134\\777"), "\\\\777");
    }
}
