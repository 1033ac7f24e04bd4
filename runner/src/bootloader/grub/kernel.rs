//! What GRUB booted: kernel, initrd and options, from the command line of this boot. No I/O but the given question.

use crate::bootloader::command_line::KernelLine;

const IMAGE: &str = "BOOT_IMAGE=";
/// Where the file system that GRUB booted from may be mounted.
const MOUNTED: [&str; 4] = ["", "/boot", "/boot/efi", "/efi"];

/// As far as it is known, in GRUB's terms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Path of the kernel from the root of GRUB's device.
    pub linux: Option<String>,
    /// Path of the initrd beside it.
    pub initrd: Option<String>,
    /// The other options.
    pub options: Option<String>,
}

impl Kernel {
    /// From a command line with `BOOT_IMAGE=(hd0,gpt2)/boot/vmlinuz-6.1`; without that, GRUB did not boot this kernel.
    /// `exists` answers whether there is a file; `subvolume` is that of `/`, which GRUB's path may begin with.
    pub fn of(line: &KernelLine, subvolume: &str, exists: &dyn Fn(&str) -> bool) -> Self {
        let Some(linux) = line
            .words()
            .find_map(|word| word.strip_prefix(IMAGE))
            .and_then(path)
        else {
            return Self::default();
        };
        let options = options(line);
        let inside = linux.strip_prefix(&format!("/{}", subvolume.trim_start_matches('/')));
        let inside = inside.filter(|rest| rest.starts_with('/')).unwrap_or(linux);
        let place = MOUNTED
            .into_iter()
            .find(|place| exists(&format!("{place}{inside}")));
        // A kernel whose initrd cannot be looked for is not started without one.
        let Some(place) = place else {
            return Self {
                linux: None,
                initrd: None,
                options,
            };
        };
        let beside = |file: &str, name: &str| {
            let (directory, _) = file.rsplit_once('/').unwrap_or_default();
            format!("{directory}/{name}")
        };
        let initrd = initrds(linux)
            .into_iter()
            .find(|name| exists(&beside(&format!("{place}{inside}"), name)))
            .map(|name| beside(linux, &name));
        Self {
            linux: Some(linux.to_owned()),
            initrd,
            options,
        }
    }
}

/// Without GRUB's device. GRUB would take blanks and quotes for its own.
fn path(image: &str) -> Option<&str> {
    let path = match image.strip_prefix('(') {
        Some(rest) => rest.split_once(')')?.1,
        None => image,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "/@._+-".contains(c);
    (path.starts_with('/') && path.chars().all(plain)).then_some(path)
}

/// Names that the initrd of a kernel may have: `initrd-6.4` (openSUSE), `initrd.img-6.1` (Debian), `initramfs-6.8.img`.
fn initrds(linux: &str) -> Vec<String> {
    let name = linux.rsplit('/').next().unwrap_or(linux);
    match name.split_once('-') {
        Some((_, version)) => vec![
            format!("initrd-{version}"),
            format!("initrd.img-{version}"),
            format!("initramfs-{version}.img"),
        ],
        None => ["initrd", "initrd.img", "initramfs.img"]
            .map(str::to_owned)
            .to_vec(),
    }
}

/// Without what belongs to this boot alone. `None` where GRUB would hand over something else: it has quotes of its own.
fn options(line: &KernelLine) -> Option<String> {
    let own = |word: &&str| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "BOOT_IMAGE" | "initrd" | "health-checker.boot" => false,
            "rootflags" => !value.contains("subvol"),
            _ => true,
        }
    };
    let words: Vec<&str> = line.words().filter(own).collect();
    let text = words.join(" ");
    let meant = |c: char| c.is_control() || "\"'\\$`;|&<>{}".contains(c);
    (!text.contains(meant)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBVOLUME: &str = "@/.snapshots/3/snapshot";

    fn kernel(line: &str, files: &[&str]) -> Kernel {
        Kernel::of(&KernelLine::parse(line), SUBVOLUME, &|path| {
            files.contains(&path)
        })
    }

    #[test]
    fn kernel_and_initrd_are_named_as_grub_sees_them() {
        let table = [
            // openSUSE: below the default subvolume.
            (
                "BOOT_IMAGE=/boot/vmlinuz-6.4 quiet",
                &["/boot/vmlinuz-6.4", "/boot/initrd-6.4"][..],
                Some("/boot/vmlinuz-6.4"),
                Some("/boot/initrd-6.4"),
            ),
            // A partition for /boot.
            (
                "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-6.1-amd64 ro",
                &["/boot/vmlinuz-6.1-amd64", "/boot/initrd.img-6.1-amd64"],
                Some("/vmlinuz-6.1-amd64"),
                Some("/initrd.img-6.1-amd64"),
            ),
            // btrfs from its top level.
            (
                "BOOT_IMAGE=/@/.snapshots/3/snapshot/boot/vmlinuz",
                &["/boot/vmlinuz", "/boot/initrd"],
                Some("/@/.snapshots/3/snapshot/boot/vmlinuz"),
                Some("/@/.snapshots/3/snapshot/boot/initrd"),
            ),
            // Without an initrd.
            (
                "BOOT_IMAGE=/vmlinuz-6.1",
                &["/efi/vmlinuz-6.1"],
                Some("/vmlinuz-6.1"),
                None,
            ),
            // Not to be found: it may have an initrd, or not.
            ("BOOT_IMAGE=/elsewhere/vmlinuz-6.1 quiet", &[], None, None),
            ("BOOT_IMAGE=vmlinuz", &["vmlinuz"], None, None),
            ("BOOT_IMAGE=/x$y", &["/x$y"], None, None),
            ("quiet", &["/boot/vmlinuz"], None, None),
        ];
        for (line, files, linux, initrd) in table {
            let kernel = kernel(line, files);
            assert_eq!(
                (kernel.linux.as_deref(), kernel.initrd.as_deref()),
                (linux, initrd),
                "{line}"
            );
        }
    }

    #[test]
    fn options_are_those_of_every_boot() {
        let line = "BOOT_IMAGE=/v root=UUID=1 rootflags=subvol=@/.snapshots/3/snapshot,noatime quiet rootflags=degraded \
            health-checker.boot=trial initrd=/i panic=5";
        let options = kernel(line, &[]).options;
        assert_eq!(
            options.as_deref(),
            Some("root=UUID=1 quiet rootflags=degraded panic=5")
        );
        for quoted in ["dyndbg=\"file a\"", "x=$y", "a\\b"] {
            assert_eq!(
                kernel(&format!("BOOT_IMAGE=/v {quoted}"), &[]).options,
                None,
                "{quoted}"
            );
        }
        assert_eq!(kernel("root=x", &[]).options, None);
    }
}
