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
# GRUB's first file is on the EFI system partition, because Debian's can write its environment block only there.
inside grub-mkimage --format=i386-pc --output=/run/core.img '--prefix=(hd0,gpt2)/grub' \
    biosdisk part_gpt fat btrfs zstd normal configfile linux loadenv test echo true search serial terminal reboot sleep \
    regexp minicmd
cp "$root/run/core.img" "$root/usr/lib/grub/i386-pc/boot.img" "$root/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$output"
# Modules that somebody's grub.cfg may load.
mkdir "$output/i386-pc"
cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$output/i386-pc"
