//! Owns the machines that are compared: checks as plugins, and the same checks as static units of systemd.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use machine::{Boot, Machine, VENDOR_PLUGINS, source, write_file, write_plugin};

/// Where the plugins of the comparison are: not where health-checker finds them.
pub const COMPARED: &str = "/usr/libexec/compared";

/// 100 checks that wait take two seconds on a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);

/// What a check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: what is left is the cost of running it.
    Nothing,
    /// Waits half a second, as checks do that ask a server.
    Waits,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Nothing => "no-op",
            Kind::Waits => "waits 0.5 s",
        }
    }

    /// In seconds.
    pub fn wait(self) -> f64 {
        match self {
            Kind::Nothing => 0.0,
            Kind::Waits => 0.5,
        }
    }

    fn script(self) -> &'static str {
        match self {
            Kind::Nothing => "#!/bin/sh\nexit 0\n",
            Kind::Waits => "#!/bin/sh\nsleep 0.5\n",
        }
    }
}

/// A machine with so many plugins.
pub fn with_plugins(count: usize, kind: Kind) -> Result<Machine> {
    let machine = Machine::new("bench")?;
    machine.edit(|root| write_all(root, VENDOR_PLUGINS, count, kind))?;
    Ok(machine)
}

/// A machine with so many static units, each the template filled in, below a target that starts when the boot has
/// settled. The runner is disabled, and settling is all that is left of health-checker.
pub fn with_static_units(count: usize, kind: Kind) -> Result<Machine> {
    let machine = Machine::new("bench-static")?;
    let template = source().join("units/health-check@.service");
    let template = fs::read_to_string(&template)
        .with_context(|| format!("cannot read '{}'", template.display()))?;
    machine.edit(|root| {
        write_all(root, COMPARED, count, kind)?;
        let units = root.join("etc/systemd/system");
        for index in 0..count {
            let unit = format!("compared-{}.service", name(index));
            write_file(&units, &unit, static_unit(&template, &name(index))?)?;
            link(&units, "compared.target.requires", &unit)?;
        }
        let target = "[Unit]\nDefaultDependencies=no\nConflicts=shutdown.target\nBefore=shutdown.target\n\
                      Wants=health-check-settle.service\nAfter=health-check-settle.service\n";
        write_file(&units, "compared.target", target)?;
        for directory in ["multi-user.target.wants", "boot-complete.target.requires"] {
            let path = units.join(directory).join("health-checker.service");
            fs::remove_file(&path).with_context(|| format!("cannot remove '{}'", path.display()))?;
        }
        link(&units, "multi-user.target.wants", "compared.target")
    })?;
    Ok(machine)
}

/// Boots a machine until its checks, or what stands for them, are done.
pub fn boot(machine: &Machine, last_unit: &str) -> Result<Boot> {
    wait(machine.boot()?, last_unit)
}

/// Waits until a unit is active.
pub fn wait(mut boot: Boot, last_unit: &str) -> Result<Boot> {
    boot.wait(&format!("'{last_unit}'"), LIMIT, |boot| {
        let state = boot.run(["systemctl", "is-active", last_unit])?;
        Ok(state.status.success())
    })?;
    Ok(boot)
}

fn name(index: usize) -> String {
    format!("check-{index:04}")
}

/// Writes plugins below any root.
pub fn write_all(root: &Path, directory: &str, count: usize, kind: Kind) -> Result<()> {
    (0..count).try_for_each(|index| write_plugin(root, directory, name(index), kind.script()))
}

/// The shipped template as a unit of its own, with the generator's command.
fn static_unit(template: &str, name: &str) -> Result<String> {
    let mut unit = String::new();
    let mut replaced = 0;
    for line in template.lines().filter(|line| !line.starts_with('#')) {
        let line = if line.starts_with("ExecStart=") {
            replaced += 1;
            format!("ExecStart={COMPARED}/{name} check")
        } else if line.starts_with("Before=health-check.target") {
            replaced += 1;
            // What the generator's drop-in adds.
            "After=health-check-settle.service\nBefore=compared.target".to_owned()
        } else {
            line.replace("%i", name)
        };
        let _ = writeln!(unit, "{line}");
    }
    if replaced != 2 {
        bail!("the template has another command or order than this benchmark knows");
    }
    Ok(unit)
}

fn link(units: &Path, directory: &str, unit: &str) -> Result<()> {
    let directory = units.join(directory);
    fs::create_dir_all(&directory)
        .and_then(|()| symlink(Path::new("..").join(unit), directory.join(unit)))
        .with_context(|| format!("cannot link '{unit}' into '{}'", directory.display()))
}
