//! Owns the processes of one boot: starting the container, and finding its PID 1 among the host's processes.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::command::run;

/// Starts a boot; the child's exit status is systemd-nspawn's.
///
/// Signals make sure that nothing survives us: the kernel kills 'unshare' when the thread that calls this ends, and
/// with it the PID namespace of everything below.
pub(crate) fn start(
    name: &str,
    image: &Path,
    file_system: &str,
    options: &str,
    arguments: &[String],
) -> Result<Child> {
    let console = console(image);
    let log = OpenOptions::new().create(true).append(true).open(&console);
    let log = log.with_context(|| format!("cannot open '{}'", console.display()))?;
    let errors = log
        .try_clone()
        .with_context(|| format!("cannot open '{}'", console.display()))?;
    Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "--propagation",
            "private",
        ])
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("image/run-container.sh"))
        .arg(name)
        .arg(image)
        .args([file_system, options])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .context("cannot run 'setpriv'")
}

/// What the machine wrote to its console in all its boots.
pub(crate) fn console(image: &Path) -> PathBuf {
    image.with_file_name("console.log")
}

/// The host's number of the container's PID 1, once that is systemd.
pub(crate) fn find_init(child: &Child) -> Option<u32> {
    let children = children_of_all();
    let mut below = vec![child.id()];
    while let Some(process) = below.pop() {
        let comm = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        // Before it runs systemd, the process is a copy of nspawn and still sees the host.
        if comm.trim_end() == "systemd" {
            return Some(process);
        }
        below.extend(children.get(&process).into_iter().flatten());
    }
    None
}

/// Kills everything of a boot at once: for boots whose PID 1 is not known or cannot be killed.
pub(crate) fn kill(child: &mut Child) -> Result<()> {
    // 'unshare' ends after its child, the init of the PID namespace, and that one after all processes in there.
    // Killing 'unshare' itself does the same, but nobody could wait for it.
    let killed = children_of_all().get(&child.id()).and_then(|children| {
        let init = children.first()?.to_string();
        run(Command::new("kill").args(["-s", "KILL", &init])).ok()
    });
    if killed.is_none() {
        child.kill().context("cannot kill the container")?;
    }
    Ok(())
}

/// The children of every process.
fn children_of_all() -> HashMap<u32, Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = parent_in(&stat) {
            children.entry(parent).or_default().push(process);
        }
    }
    children
}

/// The parent's number in `/proc/PID/stat`; the name before it may contain anything.
fn parent_in(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::parent_in;

    #[test]
    fn parent_of_a_process_with_a_strange_name() {
        assert_eq!(parent_in("12 (a) b (c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in(""), None);
    }
}
