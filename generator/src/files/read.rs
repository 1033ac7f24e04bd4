//! Reading one file of ours: whose it is, whether it is a mask, what is in it.

use std::io::ErrorKind;
use std::path::Path;

use crate::files::directory::{head, kind};
use crate::files::name;
use crate::files::root::Root;
use crate::files::stage::Stage;
use crate::files::trust::Trust;
use crate::finding::Warning;

/// In bytes: what is longer is no check, and would keep the boot waiting.
const LENGTH_MAX: u64 = 65_536;

/// What a path turned out to be.
pub(crate) enum FileContent {
    Text(String, Option<Warning>),
    Mask(String),
    Broken(String),
    /// A link to something that may be mounted later.
    NotYet(String),
}

/// A file of somebody to be trusted.
pub(crate) fn read(root: &Root, stage: Stage, trust: Trust, path: &Path) -> FileContent {
    let broken =
        |what: &str, error: std::io::Error| FileContent::Broken(format!("cannot {what}: {error}"));
    let mut untrusted = trust.root_problem(root);
    let resolved = root.walk(path, |path, metadata| {
        untrusted = untrusted.take().or_else(|| trust.see(path, metadata));
    });
    // A mask by somebody else counts as little as a text.
    if let (Some(text), Ok(_)) = (untrusted, &resolved) {
        return FileContent::Broken(text);
    }
    let real = match resolved {
        Ok(real) if real == Path::new("/dev/null") => {
            return FileContent::Mask(format!("'{}' is a link to '/dev/null'", readable(path)));
        }
        Ok(real) => root.join(real),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let target = root.join(path).read_link().unwrap_or_default();
            let text = format!("points to '{}', which is not there", readable(&target));
            return match stage {
                Stage::Early => FileContent::NotYet(format!("{text} yet")),
                Stage::Late => FileContent::Broken(text),
            };
        }
        Err(error) => return broken("follow it", error),
    };
    let metadata = match real.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) => return broken("look at it", error),
    };
    if !metadata.is_file() {
        let kind = kind(&metadata.file_type());
        return FileContent::Broken(format!("is {kind}, not a regular file"));
    }
    if metadata.len() == 0 {
        return FileContent::Mask(format!("'{}' is empty", readable(path)));
    }
    match head(&real, LENGTH_MAX + 1) {
        Ok(bytes) if bytes.len() as u64 > LENGTH_MAX => {
            FileContent::Broken(format!("is longer than {LENGTH_MAX} bytes"))
        }
        Ok(bytes) => decode(path, bytes),
        Err(error) => broken("read it", error),
    }
}

fn readable(path: &Path) -> String {
    name::readable(path.as_os_str())
}

/// What is no UTF-8 is a defect, but does not hide the severity.
fn decode(path: &Path, bytes: Vec<u8>) -> FileContent {
    match String::from_utf8(bytes) {
        Ok(text) => FileContent::Text(text, None),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            let lines = bytes[..valid].iter().filter(|byte| **byte == b'\n').count();
            let problem = Warning {
                path: path.to_owned(),
                line: u32::try_from(lines + 1).ok(),
                text: "is not UTF-8 text".to_owned(),
            };
            FileContent::Text(String::from_utf8_lossy(bytes).into_owned(), Some(problem))
        }
    }
}
