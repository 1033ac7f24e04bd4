#!/bin/sh
# Makes what boots a virtual machine from its root: the initrd, with all hooks that are installed there now, and the
# images of the boot loaders (run by in-namespace.sh).
#
#   boot-files.sh ROOT OUTPUT_DIRECTORY
set -eu
root=$1
output=$2

inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"; }

inside update-initramfs -u -k all
# Another initrd, as openSUSE and Fedora have it, with systemd: slower by as much as a whole boot. A snapshot is booted with
# it where '/boot/initrd.img' is made a link to it.
kernel=$(basename "$root"/lib/modules/*)
inside dracut --quiet --force --no-hostonly --no-early-microcode --zstd --kver "$kernel" \
    --modules 'base systemd systemd-initrd dracut-systemd udev-rules fs-lib rootfs-block btrfs health-checker' \
    --drivers 'virtio_pci virtio_blk btrfs' /boot/initrd-dracut.img
# GRUB's first file is on the EFI system partition, because Debian's can write its environment block only there.
inside grub-mkimage --format=i386-pc --output=/run/core.img '--prefix=(hd0,gpt2)/grub' \
    biosdisk part_gpt fat btrfs zstd normal configfile linux loadenv test echo true search serial terminal reboot sleep \
    regexp minicmd
cp "$root/run/core.img" "$root/usr/lib/grub/i386-pc/boot.img" "$root/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$output"
# Modules that somebody's grub.cfg may load.
mkdir "$output/i386-pc"
cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$output/i386-pc"
