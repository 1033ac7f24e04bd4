//! Whom a file comes from: what runs as root, or decides over the machine, must be root's alone.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::files::name;
use crate::files::root::Root;

/// Write permission of the group and of others.
const OTHERS_WRITE: u32 = 0o022;

/// Who owns the system: whoever owns its root directory, so that an image may belong to a user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trust {
    /// Nothing where even the root directory cannot be looked at: then nobody is trusted.
    owner: Option<u32>,
}

impl Trust {
    pub(crate) fn of(root: &Root) -> Self {
        let metadata = root.join("/").metadata();
        Self {
            owner: metadata.ok().map(|metadata| metadata.uid()),
        }
    }

    /// What is wrong with the way to `path`, its last part and all links included. What is not there
    /// is not wrong.
    pub(crate) fn problem(self, root: &Root, path: &Path) -> Option<String> {
        let mut problem = self.root_problem(root);
        let _ = root.walk(path, |path, metadata| {
            problem = problem.take().or_else(|| self.see(path, metadata));
        });
        problem
    }

    /// What is wrong with the root directory itself.
    pub(crate) fn root_problem(self, root: &Root) -> Option<String> {
        let metadata = root.join("/").metadata().ok()?;
        self.see(Path::new("/"), &metadata)
    }

    /// What is wrong with one file or directory on the way.
    pub(crate) fn see(self, path: &Path, metadata: &Metadata) -> Option<String> {
        let shown = name::readable(path.as_os_str());
        if self.owner != Some(metadata.uid()) {
            let owner = match self.owner {
                Some(0) | None => "root".to_owned(),
                Some(owner) => format!("user {owner}"),
            };
            return Some(format!(
                "is not run: '{shown}' belongs to user {} instead of {owner}; mend it with 'chown -h root \
                 {shown}' once you know what is in it",
                metadata.uid()
            ));
        }
        let mode = metadata.permissions().mode();
        if metadata.is_symlink() || mode & OTHERS_WRITE == 0 {
            return None;
        }
        Some(format!(
            "is not run: others than root may write to '{shown}' (mode {:04o}); mend it with 'chmod go-w \
             {shown}' once you know what is in it",
            mode & 0o7777
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs::{self, Permissions};

    /// Our own file stands for somebody else's: only root can give one away, as `generator/tests/checks.rs` does.
    #[test]
    fn whoever_does_not_own_the_system_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let metadata = file.metadata().unwrap();
        let own = rustix::process::geteuid().as_raw();
        assert_eq!(metadata.uid(), own);
        let see = |owner| Trust { owner }.see(Path::new("/etc/a"), &metadata);

        assert_eq!(see(Some(own)), None);
        let problem = see(Some(own + 1)).unwrap();
        let expected = format!("'/etc/a' belongs to user {own} instead of user {}", own + 1);
        assert!(problem.contains(&expected), "{problem}");
        let problem = see(None).unwrap();
        let expected = format!("'/etc/a' belongs to user {own} instead of root");
        assert!(problem.contains(&expected), "{problem}");
    }

    #[test]
    fn the_whole_way_counts() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("etc")).unwrap();
        fs::write(directory.path().join("etc/a"), "").unwrap();
        for path in ["etc/a", "etc", ""] {
            let path = directory.path().join(path);
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        let root = Root::at(directory.path());
        let path = Path::new("/etc/a");
        assert_eq!(Trust::of(&root).problem(&root, path), None);
        let own = rustix::process::geteuid().as_raw();
        let owner = Some(own + 1);
        let problem = Trust { owner }.problem(&root, path).unwrap();
        assert!(problem.contains("'/' belongs to user"), "{problem}");
        for part in ["etc", "etc/a"] {
            let changed = directory.path().join(part);
            fs::set_permissions(&changed, Permissions::from_mode(0o757)).unwrap();
            let problem = Trust::of(&root).problem(&root, path).unwrap();
            let expected = format!("others than root may write to '/{part}'");
            assert!(problem.contains(&expected), "{problem}");
            fs::set_permissions(&changed, Permissions::from_mode(0o755)).unwrap();
        }
    }
}
