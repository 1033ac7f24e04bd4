//! Owns booting without a boot loader: QEMU is given the kernel of the default snapshot.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::loader::Kernel;

/// Copies kernel and initrd out of the machine's disk, for QEMU.
pub(crate) fn copy_out(kernel: &Kernel, top: &Path, directory: &Path) -> Result<[PathBuf; 2]> {
    let copies = ["vmlinuz", "initrd.img"].map(|name| directory.join(name));
    for (source, copy) in kernel.files(top).iter().zip(&copies) {
        fs::copy(source, copy).with_context(|| {
            format!(
                "snapshot {} has no '{}' to boot",
                kernel.number,
                source.display()
            )
        })?;
    }
    Ok(copies)
}
