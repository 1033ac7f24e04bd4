//! Users by name or number, as this machine itself knows them: no directory service is asked, so that an answer needs
//! no network and cannot come from one.

use std::fs;
use std::path::Path;

/// Where a system keeps its users; the second one is of images (nss-altfiles).
const PASSWD: [&str; 2] = ["/etc/passwd", "/usr/lib/passwd"];
/// Links of systemd from `direct:NAME` to the number, while a service with `DynamicUser=yes` of that name runs.
const DYNAMIC: &str = "/run/systemd/dynamic-uid";
/// To the kernel it means "no user".
const NOBODY_AT_ALL: u32 = u32::MAX;

/// A user, who need not exist (yet).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User(String);

impl User {
    /// Reads it from the command line.
    pub fn parse(text: &str) -> Result<User, String> {
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !":/,".contains(c);
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain);
        match is_name && (!is_number || id(text).is_some()) {
            true => Ok(User(text.into())),
            false => Err("write the name or the number of one user, like 'root' or '0'".into()),
        }
    }

    /// The number; or who is missing, to be read after "found".
    pub fn id(&self) -> Result<u32, String> {
        self.id_in(Path::new("/"))
    }

    fn id_in(&self, root: &Path) -> Result<u32, String> {
        let name = self.0.as_str();
        let below = |path: &str| root.join(path.trim_start_matches('/'));
        let in_files = || {
            let texts = PASSWD.iter().filter_map(|file| fs::read(below(file)).ok());
            texts
                .filter_map(|text| in_passwd(&String::from_utf8_lossy(&text), name))
                .next()
        };
        let dynamic = || {
            let target = fs::read_link(below(DYNAMIC).join(format!("direct:{name}"))).ok()?;
            id(target.to_str()?)
        };
        id(name).or_else(in_files).or_else(dynamic).ok_or_else(|| {
            format!(
                "no user '{name}' on this machine (neither in '{}' nor a dynamic one of systemd)",
                PASSWD.join("' or '")
            )
        })
    }
}

impl std::fmt::Display for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn id(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let id = text.parse().ok().filter(|id| *id != NOBODY_AT_ALL);
    if is_number { id } else { None }
}

/// `name:password:number:…`; the first line of a name counts, as for everybody.
fn in_passwd(text: &str, name: &str) -> Option<u32> {
    let mut lines = text.lines().map(|line| line.split(':'));
    let mut fields =
        lines.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    id(fields.nth(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn one_name_or_number_is_a_user() {
        for text in ["root", "0", "4294967294", "_apt", "a.b-c", "svc$"] {
            assert_eq!(User::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "4294967295",
            "99999999999",
            "root nobody",
            "a,b",
            "a:b",
            "a/b",
            "a\n",
        ] {
            assert!(
                User::parse(text).expect_err(text).contains("'root'"),
                "{text}"
            );
        }
    }

    #[test]
    fn names_are_found_where_the_machine_itself_keeps_them() {
        let root = tempfile::tempdir().unwrap();
        let directories = ["etc", "usr/lib", "run/systemd/dynamic-uid"];
        for directory in directories {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        let etc = "root:x:0:0::/root:/bin/sh\nweb:x:33:33:::\nweb:x:0:0:::\nodd:x:-1:0:::\nshort:x\n+::::::\n";
        fs::write(root.path().join("etc/passwd"), etc).unwrap();
        fs::write(
            root.path().join("usr/lib/passwd"),
            "image:x:7:7:::\nweb:x:8:8:::\n",
        )
        .unwrap();
        symlink(
            "61234",
            root.path().join("run/systemd/dynamic-uid/direct:app"),
        )
        .unwrap();
        symlink(
            "app",
            root.path().join("run/systemd/dynamic-uid/direct:61234"),
        )
        .unwrap();
        for (name, expected) in [
            ("root", Some(0)),
            ("web", Some(33)),
            ("image", Some(7)),
            ("app", Some(61234)),
            ("12", Some(12)),
            ("odd", None),
            ("short", None),
            ("we", None),
            ("+", None),
        ] {
            let found = User::parse(name).unwrap().id_in(root.path());
            assert_eq!(found.clone().ok(), expected, "{name}");
            if let Err(text) = found {
                assert!(text.starts_with(&format!("no user '{name}' on this machine")));
            }
        }
    }
}
