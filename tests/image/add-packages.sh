#!/bin/sh
# Adds Debian packages to the root of a test machine (run on the host, as root, in a mount namespace of its own).
#
#   add-packages.sh ROOT APT_SETTINGS PACKAGE…
set -eu
root=$1
settings=$2
shift 2

mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
cp "$settings" "$root/run/apt.conf"
cp /etc/resolv.conf "$root/etc/resolv.conf"
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive APT_CONFIG=/run/apt.conf chroot "$root" "$@"; }
inside apt-get --quiet update
inside apt-get --quiet --yes install --no-install-recommends "$@"
inside apt-get clean
: > "$root/etc/resolv.conf"
rm -rf "$root"/var/lib/apt/lists/*

# What the packages start at boot costs time, and no test is about it.
inside systemctl mask --quiet podman.socket podman.service podman-restart.service podman-auto-update.timer podman-clean-transient.service \
    netavark-dhcp-proxy.socket netavark-dhcp-proxy.service

# Debian has no packages in the rpm database: a package 'rpm' without files makes it one as on openSUSE, below /usr.
mkdir -p "$root/usr/lib/sysimage"
rm -rf "$root/var/lib/rpm"
mkdir "$root/usr/lib/sysimage/rpm"
ln -s ../../usr/lib/sysimage/rpm "$root/var/lib/rpm"
printf 'Name: rpm\nVersion: 1\nRelease: 1\nSummary: Test\nLicense: MIT\n%%description\nTest\n%%files\n' > "$root/run/rpm.spec"
inside rpmbuild --quiet --define '_topdir /run/rpmbuild' -bb /run/rpm.spec
inside sh -c 'rpm --install --nodeps --justdb /run/rpmbuild/RPMS/*/rpm-1-1.*.rpm && rpm -q rpm'
