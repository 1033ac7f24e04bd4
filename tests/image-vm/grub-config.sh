#!/bin/sh
# Runs grub-mkconfig(8) in a snapshot, for '/boot/grub.cfg' there (run by in-namespace.sh). The host may not be able to mount the EFI system partition: another file system that GRUB can write is in
# its place.
#
#   grub-config.sh ROOT
set -eu
root=$1

truncate --size=8M "$root/run/esp"
mkfs.ext4 -q "$root/run/esp"
mount -o loop "$root/run/esp" "$root/boot/efi"
mkdir "$root/boot/efi/grub"
# The disk is a loop device here, and '/dev/vda3' for the machine.
mkdir "$root/run/bin"
# shellcheck disable=SC2016 # for the shell in there
printf '#!/bin/sh\necho "$1: (/dev/vda3)"\n' > "$root/run/bin/losetup"
chmod 0755 "$root/run/bin/losetup"
env -i PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 chroot "$root" grub-mkconfig -o /boot/grub.cfg
sed -i -e '/^[[:space:]]*loopback loop[0-9]* /d' -e '/^[[:space:]]*set root=(loop[0-9]*)/d' "$root/boot/grub.cfg"
