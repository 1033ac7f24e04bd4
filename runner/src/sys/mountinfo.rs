//! What is mounted where, by `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use health_checks::Root;

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Directory of the file system that is the root of this mount, e.g. `/@/.snapshots/3/snapshot`.
    pub root: String,
    /// Where it is mounted.
    pub point: String,
    /// File system type.
    pub kind: String,
    /// Device.
    pub source: String,
}

/// What is mounted now; nothing where that cannot be read.
pub fn read(root: &Root) -> Vec<Mount> {
    let text = std::fs::read_to_string(root.join("/proc/self/mountinfo"));
    parse(&text.unwrap_or_default())
}

/// All mounts, in the order of mounting. Lines that are not understood are left out.
pub fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let mut right = right.split(' ');
    Some(Mount {
        root: unescape(left.next()?),
        point: unescape(left.next()?),
        kind: right.next()?.to_owned(),
        source: unescape(right.next()?),
    })
}

/// The kernel writes blank, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    let mut out = text.to_owned();
    for (escaped, plain) in [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ] {
        out = out.replace(escaped, plain);
    }
    out
}

/// The file system seen at `/`: of several mounts over one another the last one.
pub fn root_mount(mounts: &[Mount]) -> Option<&Mount> {
    mounts.iter().rfind(|mount| mount.point == "/")
}

/// The mount point that an absolute path lies on.
pub fn mount_point_of<'m>(mounts: &'m [Mount], path: &str) -> Option<&'m str> {
    mounts
        .iter()
        .map(|mount| mount.point.as_str())
        .filter(|point| {
            *point == "/"
                || path
                    .strip_prefix(point)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .max_by_key(|point| point.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROOS: &str = "\
        1 1 0:2 / / rw - rootfs rootfs rw\n\
        66 1 0:35 /@/.snapshots/12/snapshot / ro,relatime shared:1 - btrfs /dev/vda3 ro,space_cache=v2,subvolid=280,subvol=/@/.snapshots/12/snapshot\n\
        67 66 0:35 /@/.snapshots/12/snapshot/etc /etc rw,relatime shared:2 - btrfs /dev/vda3 rw\n\
        68 66 0:35 /@/usr/local /usr/local rw - btrfs /dev/vda3 rw\n\
        69 66 0:40 / /mnt/with\\040blank rw - tmpfs tmpfs rw\n\
        garbage\n";

    #[test]
    fn the_root_is_the_last_mount_on_slash_and_not_etc() {
        let mounts = parse(MICROOS);
        let root = root_mount(&mounts).unwrap();
        assert_eq!(
            (root.kind.as_str(), root.source.as_str()),
            ("btrfs", "/dev/vda3")
        );
        assert_eq!(root.root, "/@/.snapshots/12/snapshot");
        assert_eq!(mounts.last().unwrap().point, "/mnt/with blank");
    }

    #[test]
    fn paths_belong_to_the_longest_mount_point_by_whole_components() {
        let mounts = parse(MICROOS);
        assert_eq!(
            mount_point_of(&mounts, "/usr/local/libexec/health-checker"),
            Some("/usr/local")
        );
        assert_eq!(mount_point_of(&mounts, "/usr/localx"), Some("/"));
        assert_eq!(mount_point_of(&mounts, "/usr/libexec"), Some("/"));
        assert_eq!(mount_point_of(&[], "/usr"), None);
    }
}
