//! Units that somebody switched off: `systemctl mask`, or a package with a link to /dev/null.

use std::path::Path;

use crate::files::root::Root;
use crate::unit::files::{Presence, presence};

/// Where the generator itself leaves links to /dev/null.
const OURS: &str = "/run/systemd/generator";

/// What masks `unit`, or the template that it is an instance of, if anything does.
pub(crate) fn mask(root: &Root, unit: &str) -> Option<String> {
    match presence(root, unit) {
        Presence::Masked(path) if !path.starts_with(OURS) => {
            let is_null = root
                .resolve(&path)
                .is_ok_and(|real| real == Path::new("/dev/null"));
            let how = match is_null {
                true => "is a link to '/dev/null'",
                false => "is empty",
            };
            Some(format!("'{}' {how}", path.display()))
        }
        Presence::Masked(_) | Presence::There(_) | Presence::Missing => None,
    }
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
        let vendor = |unit| mask(&root, unit).is_some();
        let local = |unit| mask(&root, unit).is_some();
        let vendors = at("/usr/lib/systemd/system");
        std::fs::create_dir_all(&vendors).unwrap();
        symlink("/dev/null", vendors.join("health-check@e.service")).unwrap();
        std::fs::write(vendors.join("health-check@.service"), "[Unit]\n").unwrap();
        let how = mask(&root, "health-check@e.service");
        let by = "'/usr/lib/systemd/system/health-check@e.service' is a link to '/dev/null'";
        assert_eq!(how.as_deref(), Some(by));
        assert!(vendor("health-check@a.service"));
        assert!(vendor("health-check@b.service"));
        assert!(!vendor("health-check@c.service"));
        assert!(!vendor("health-check@d.service"));
        assert!(local("health-check-local@a.service"));
        assert!(!local("health-check-local@own.service"));
    }
}
