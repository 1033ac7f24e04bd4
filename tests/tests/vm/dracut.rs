//! An initrd made by dracut, with systemd in it, as openSUSE and Fedora have it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;
use machine::vm::Ended::{Killed, Reset};
use machine::vm::{Loader, Run, course};

use crate::stories::{LIMIT, known_good, no_init, no_root, undone};

/// The other initrd of these machines (`image-vm/boot-files.sh`).
fn with_dracut(root: &Path) -> Result<()> {
    let link = root.join("boot/initrd.img");
    fs::remove_file(&link)?;
    Ok(symlink("initrd-dracut.img", link)?)
}

/// dracut is patient: three minutes. On a slow host it gives up before the disk is there; our hook waits for that.
fn no_root_soon(root: &Path) -> Result<()> {
    no_root(root)?;
    let path = root.join("etc/kernel/cmdline");
    let line = fs::read_to_string(&path)?;
    Ok(fs::write(
        path,
        line.replace("rootdelay=2", "rd.retry=3 rd.timeout=5"),
    )?)
}

#[test]
fn boots_that_never_get_to_systemd_are_taken_back_by_the_initrd() {
    let vm = known_good("dracut", Loader::Direct);
    vm.edit(with_dracut).unwrap();
    let (boots, why) = undone(&vm, "no init", &[Reset], no_init);
    assert!(why.contains("no init that can be executed"), "{why}");
    assert!(boots[1].said("dracut"), "{}", boots[1].console);
    let (_, why) = undone(&vm, "no root file system", &[Reset], no_root_soon);
    assert!(why.contains("has failed in the initrd"), "{why}");
    // A user who asked for a shell is left alone.
    let update = vm.update(no_init).unwrap();
    let mut run = Run::within(LIMIT);
    run.arguments = vec!["rd.break=pre-pivot"];
    run.kill_at = Some("asks for a shell");
    let boot = vm.run(&run).unwrap();
    assert_eq!(course(&[boot]), [(update, Killed)]);
    assert_eq!(vm.default_snapshot().unwrap(), update);
}
