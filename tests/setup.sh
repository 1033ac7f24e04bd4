#!/bin/sh
# Installs what building and testing health-checker needs on a Debian 12 or 13 host; called by 'make check' and 'make demo'.
# With '--vm', also what virtual machines need. Says what it installs, and does nothing where everything is there. Needs only the host's own Debian mirror.
set -eu

packages="mmdebstrap debian-archive-keyring btrfs-progs e2fsprogs systemd-container dbus util-linux procps
    libsystemd-dev pkg-config gcc libc6-dev make shellcheck busybox-static grub-common grub-emu"
[ "${1:-}" != --vm ] || packages="$packages qemu-system-x86 ovmf mtools fdisk"

missing=
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed || missing="$missing $package"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "setup.sh: these packages are missing; as root, run: apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    echo "setup.sh: installing$missing"
    apt-get -q update
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $missing
fi

# Present as modules on many hosts; where they cannot be loaded and are not built in, the first mount says so.
if [ "$(id -u)" -eq 0 ]; then
    for module in loop btrfs fuse; do modprobe -q "$module" 2> /dev/null || :; done
fi
