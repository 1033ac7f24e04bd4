//! Whole virtual machines: the same disks as the containers', with boot loader, kernel and initrd, in QEMU.
//!
//! A [`Vm`] is a machine that is off; a [`VmBoot`] is what one boot of it was. A boot takes about half a minute,
//! because the processor is emulated, and is one QEMU process from power-on to its reset, power-off or death.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use machine::{VENDOR_PLUGINS, write_plugin};
//! use machine::vm::{self, Loader, Vm};
//! let vm = Vm::new("example", Loader::Direct)?;
//! vm.update(|root| write_plugin(root, VENDOR_PLUGINS, "bad", "#!/bin/sh\nexit 1\n"))?;
//! let boots = vm.run_until_off(4)?;
//! println!("{:?}", vm::course(&boots));
//! # Ok(())
//! # }
//! ```

mod boot;
mod direct;
pub(crate) mod disk;
mod esp;
mod grub;
mod known_good;
mod loader;
mod machine;
mod qemu;
mod setup;
mod systemd_boot;

pub use boot::{Ended, VmBoot, course};
pub use loader::Loader;
pub use machine::Vm;
pub use qemu::Run;
