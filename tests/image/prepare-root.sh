#!/bin/sh
# Turns an unpacked Debian root file system into the root of a test machine (run on the host, as root).
#
#   prepare-root.sh ROOT snapshots|btrfs|ext4
#
# What is seldom needed is masked, so that a boot takes about a second. The network is never used.
set -eu
root=$1
layout=$2
here=$(dirname "$0")

# Fixed identity: 'journalctl -D' and the tests find the journal at the same place on every machine.
echo 0123456789abcdef0123456789abcdef > "$root/etc/machine-id"
echo machine > "$root/etc/hostname"
echo '127.0.0.1 localhost machine' > "$root/etc/hosts"
rm -f "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id"
: > "$root/etc/resolv.conf"

# No snapshots around package operations (they are made by transactional-update), no host settings.
rm -f "$root/etc/apt/apt.conf.d/80snapper" "$root/etc/apt/apt.conf.d/99mmdebstrap"
rm -rf "$root/usr/lib/udev/hwdb.bin" "$root/usr/lib/udev/hwdb.d"

# Units that cost boot time and that no test is about.
mkdir -p "$root/etc/systemd/system"
for unit in \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer \
    e2scrub_reap.service snapper-boot.timer snapper-cleanup.timer snapper-timeline.timer \
    systemd-tmpfiles-clean.timer getty@tty1.service console-getty.service getty-static.service \
    systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service \
    systemd-network-generator.service systemd-pstore.service systemd-hwdb-update.service \
    systemd-journal-catalog-update.service ldconfig.service systemd-sysusers.service \
    systemd-update-done.service systemd-firstboot.service systemd-hostnamed.socket \
    sshd-keygen.service systemd-ask-password-wall.path systemd-ask-password-console.path \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount dev-hugepages.mount dev-mqueue.mount \
    run-lock.mount systemd-udev-load-credentials.service systemd-sysctl.service; do
    ln -sfn /dev/null "$root/etc/systemd/system/$unit"
done
rm -f "$root/etc/systemd/system/sysinit.target.wants/snapperd.service"
ln -sfn /usr/lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"

# systemd starts no mount for a second after more than five changes of the mount table within one, and since 257
# each service with credentials makes two: without this, every boot takes one second more.
for service in systemd-journald systemd-tmpfiles-setup-dev-early systemd-tmpfiles-setup-dev systemd-tmpfiles-setup; do
    mkdir -p "$root/etc/systemd/system/$service.service.d"
    printf '[Service]\nImportCredential=\nLoadCredential=\n' \
        > "$root/etc/systemd/system/$service.service.d/50-test-machine.conf"
done

# The journal is kept over boots, and small.
mkdir -p "$root/etc/systemd/journald.conf.d" "$root/var/log/journal"
printf '[Journal]\nStorage=persistent\nSystemMaxUse=64M\nRateLimitBurst=0\nAudit=no\n' \
    > "$root/etc/systemd/journald.conf.d/50-test-machine.conf"

# Package data base and /usr are rolled back together: below /usr, as on MicroOS.
mkdir -p "$root/usr/lib/sysimage"
mv "$root/var/lib/dpkg" "$root/usr/lib/sysimage/dpkg"
ln -s ../../usr/lib/sysimage/dpkg "$root/var/lib/dpkg"

# The disk: /rootdev is bound to the loop device. Not below /dev, where systemd in a container skips it.
# There is no line for '/': as on MicroOS, the root is read-only because its subvolume is.
: > "$root/rootdev"
: > "$root/etc/fstab"
install -d "$root/opt" "$root/srv" "$root/home" "$root/root" "$root/usr/local"
if [ "$layout" = snapshots ]; then
    for mount in .snapshots var root home opt srv usr/local; do
        mkdir -p "$root/$mount"
        echo "/rootdev /$mount btrfs subvol=@/$mount 0 0" >> "$root/etc/fstab"
    done
    sed -e 's/^TIMELINE_CREATE=.*/TIMELINE_CREATE="no"/' "$root/usr/share/snapper/config-templates/default" \
        > "$root/etc/snapper/configs/root"
    echo 'SNAPPER_CONFIGS="root"' > "$root/etc/default/snapper"
    install -D -m 0755 "$here/transactional-update" "$root/usr/sbin/transactional-update"
    install -D -m 0755 "$here/snapper-nested-etc" "$root/usr/lib/snapper/plugins/50-nested-etc"
fi
