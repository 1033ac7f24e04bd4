//! Owns the disks of machines that had a healthy boot already, one for each boot loader: most stories begin there, and in an
//! emulator each boot counts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::VENDOR_PLUGINS;
use crate::cache::{self, Recipe};
use crate::command::run;
use crate::files::write_plugin;

use super::boot::Ended;
use super::disk;
use super::loader::Loader;
use super::machine::Vm;

/// Fails in a snapshot where one of these files is.
const CHECK: &str = "#!/bin/sh\ntest ! -e /usr/broken && test ! -e /etc/failing\n";

/// Snapshot 1 is known good, and has the plugin `whole`.
pub(crate) fn disk(loader: Loader) -> Result<PathBuf> {
    let recipe = Recipe::new()
        .add(disk::master()?.as_os_str().as_encoded_bytes())
        .add(CHECK)
        .add_path(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vm"))?;
    cache::entry(&format!("vm-{loader:?}-good.disk"), &recipe, |disk| {
        let vm = Vm::new("good", loader)?;
        vm.edit(|root| write_plugin(root, VENDOR_PLUGINS, "whole", CHECK))?;
        let boot = vm.run_once(Duration::from_secs(300))?;
        ensure!(
            (boot.snapshot, boot.ended) == (Some(1), Ended::PoweredOff),
            "the first boot ended with {:?}\n{}",
            boot.ended,
            boot.tail()
        );
        ensure!(vm.status()?.known_good() == [1], "snapshot 1 is not good");
        run(Command::new("cp")
            .args(["--reflink=auto", "--sparse=always"])
            .arg(vm.image())
            .arg(disk))?;
        Ok(())
    })
}
