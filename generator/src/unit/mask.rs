//! Units that the administrator switched off with `systemctl mask`.

use std::path::Path;

use crate::check::Origin;
use crate::files::root::Root;

/// Where `systemctl mask` and `systemctl mask --runtime` leave their links, the stronger one first.
const DIRECTORIES: [&str; 2] = ["/etc/systemd/system", "/run/systemd/system"];

/// What masks `unit`, or the template that it is an instance of, if anything does.
pub(crate) fn mask(root: &Root, origin: Origin, unit: &str) -> Option<String> {
    // As systemd looks for it: a file for the instance in any directory hides the template's.
    [unit, origin.template()]
        .iter()
        .find_map(|name| state(root, name))
        .flatten()
}

/// Whether the first unit file of that name is a mask, and how; nothing if there is no such file.
fn state(root: &Root, name: &str) -> Option<Option<String>> {
    DIRECTORIES.iter().find_map(|directory| {
        let path = Path::new(directory).join(name);
        let metadata = root.join(&path).symlink_metadata().ok()?;
        if metadata.is_file() {
            return Some((metadata.len() == 0).then(|| format!("'{}' is empty", path.display())));
        }
        let null = root
            .resolve(&path)
            .is_ok_and(|real| real == Path::new("/dev/null"));
        Some(null.then(|| format!("'{}' is a link to '/dev/null'", path.display())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn masks() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        let at = |path: &str| root.join(path);
        for path in ["/etc/systemd/system", "/run/systemd/system"] {
            std::fs::create_dir_all(at(path)).unwrap();
        }
        symlink(
            "/dev/null",
            at("/etc/systemd/system/health-check@a.service"),
        )
        .unwrap();
        std::fs::write(at("/run/systemd/system/health-check@b.service"), "").unwrap();
        std::fs::write(at("/etc/systemd/system/health-check@c.service"), "[Unit]\n").unwrap();
        symlink(
            "/dev/null",
            at("/run/systemd/system/health-check@c.service"),
        )
        .unwrap();
        symlink(
            "/dev/null",
            at("/etc/systemd/system/health-check-local@.service"),
        )
        .unwrap();
        std::fs::write(
            at("/run/systemd/system/health-check-local@own.service"),
            "[Unit]\n",
        )
        .unwrap();
        let vendor = |unit| mask(&root, Origin::Vendor, unit).is_some();
        let local = |unit| mask(&root, Origin::Local, unit).is_some();
        assert!(vendor("health-check@a.service"));
        assert!(vendor("health-check@b.service"));
        assert!(!vendor("health-check@c.service"));
        assert!(!vendor("health-check@d.service"));
        assert!(local("health-check-local@a.service"));
        assert!(!local("health-check-local@own.service"));
    }
}
