//! The directory below which the system is read: `/`, or a fake one in tests and dry runs.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Component, Path, PathBuf};

/// As many symbolic links as the kernel follows in one path (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// Everything that reads the system goes through a root.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    /// The running system.
    pub fn system() -> Self {
        Self(PathBuf::from("/"))
    }

    /// The tree below `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where the file that the system calls `path` really lies.
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        // `Path::join` with an absolute path would throw the root away.
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Follows all symbolic links of the absolute `path` as a system with this root would do, and
    /// returns the path in that system, without the root.
    ///
    /// Fails as stat(2) does: nothing there, a loop of links, a file in place of a directory.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.walk(path, |_, _| {})
    }

    /// As [`Root::resolve`], showing every file, directory and link on the way to `see`.
    pub(crate) fn walk(
        &self,
        path: &Path,
        mut see: impl FnMut(&Path, &Metadata),
    ) -> io::Result<PathBuf> {
        let mut rest = components(path);
        let mut done = PathBuf::from("/");
        let mut links = 0;
        while let Some(component) = rest.pop() {
            if component == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&component);
            let metadata = self.join(&next).symlink_metadata()?;
            see(&next, &metadata);
            if !metadata.is_symlink() {
                done = next;
                continue;
            }
            links += 1;
            if links > LINKS_MAX {
                return Err(rustix::io::Errno::LOOP.into());
            }
            let target = self.join(&next).read_link()?;
            if target == Path::new("/dev/null") && rest.is_empty() {
                // A mask, also where it is seen from outside: the /dev of an image is empty.
                return Ok(target);
            }
            if target.is_absolute() {
                done = PathBuf::from("/");
            }
            rest.extend(components(&target));
        }
        Ok(done)
    }
}

/// The components of `path` in reverse order: a stack of what is left to walk.
fn components(path: &Path) -> Vec<OsString> {
    let normal = |component: Component<'_>| match component {
        Component::Normal(_) | Component::ParentDir => Some(component.as_os_str().to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().rev().filter_map(normal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn join_keeps_the_root() {
        assert_eq!(Root::at("/r").join("/a/b"), Path::new("/r/a/b"));
        assert_eq!(Root::at("/r").join("a"), Path::new("/r/a"));
        assert_eq!(Root::system().join("/a"), Path::new("/a"));
    }

    #[test]
    fn links_stay_inside_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path());
        std::fs::create_dir_all(root.join("/usr/bin")).unwrap();
        std::fs::write(root.join("/usr/bin/x"), "").unwrap();
        symlink("usr/bin", root.join("/bin")).unwrap();
        symlink("/bin/../../../bin/x", root.join("/usr/y")).unwrap();
        symlink("loop", root.join("/loop")).unwrap();
        symlink("/etc/passwd", root.join("/out")).unwrap();
        symlink("/dev/null", root.join("/mask")).unwrap();
        let resolve = |path: &str| root.resolve(Path::new(path));
        assert_eq!(resolve("/usr/y").unwrap(), Path::new("/usr/bin/x"));
        assert_eq!(resolve("/").unwrap(), Path::new("/"));
        assert_eq!(resolve("/loop").unwrap_err().raw_os_error(), Some(40));
        assert_eq!(resolve("/out").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(resolve("/mask").unwrap(), Path::new("/dev/null"));
        let through_file = resolve("/usr/bin/x/z").unwrap_err().kind();
        assert_eq!(through_file, io::ErrorKind::NotADirectory);
    }
}
