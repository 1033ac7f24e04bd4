#!/bin/sh
# Makes the root of a container machine one of a virtual machine: kernel, initrd tools and boot loaders added, disk
# names of QEMU, and units masked that only a whole machine has (run by in-namespace.sh).
#
#   prepare-root.sh ROOT APT_SETTINGS PACKAGE…
set -eu
root=$1
settings=$2
here=$(dirname "$0")
shift 2

cp "$settings" "$root/run/apt.conf"
cp /etc/resolv.conf "$root/etc/resolv.conf"
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive APT_CONFIG=/run/apt.conf chroot "$root" "$@"; }

# Only what the disk of these machines needs, and their watchdog: MODULES=most costs ten seconds more in an emulator.
install -d "$root/etc/initramfs-tools/conf.d"
printf 'MODULES=list\nCOMPRESS=zstd\nRESUME=none\n' > "$root/etc/initramfs-tools/conf.d/test-machine"
printf '%s\n' virtio_pci virtio_blk btrfs i6300esb > "$root/etc/initramfs-tools/modules"
install -D -m 0755 "$here/initrd-says" "$root/etc/initramfs-tools/scripts/init-top/test-machine"

inside apt-get --quiet update
inside apt-get --quiet --yes install --no-install-recommends "$@"
inside apt-get clean
: > "$root/etc/resolv.conf"
rm -rf "$root"/var/lib/apt/lists/*

# One name for what is booted, whatever its version.
for file in vmlinuz initrd.img; do
    for versioned in "$root/boot/$file"-*; do ln -s "${versioned##*/}" "$root/boot/$file"; done
done

# Units that cost boot time, no test is about, and a container never starts.
for unit in \
    systemd-boot-random-seed.service systemd-boot-update.service systemd-bootctl.socket grub-common.service \
    systemd-random-seed.service systemd-timesyncd.service systemd-logind.service systemd-user-sessions.service \
    systemd-rfkill.socket systemd-pcrphase.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service \
    systemd-battery-check.service systemd-vconsole-setup.service systemd-backlight@.service \
    systemd-remount-fs.service systemd-machine-id-commit.service systemd-creds.socket systemd-sysext.service \
    systemd-sysext.socket systemd-confext.service systemd-pcrextend.socket systemd-pcrlock.socket \
    systemd-mountfsd.socket systemd-nsresourced.socket systemd-importd.socket systemd-repart.service \
    systemd-quotacheck-root.service quotaon-root.service systemd-journal-flush-check.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
    modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service \
    modprobe@fuse.service modprobe@loop.service kmod-static-nodes.service systemd-modules-load.service \
    serial-getty@ttyS0.service getty@.service getty.target networking.service e2scrub_reap.service \
    systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup-dev-early.service dbus-org.freedesktop.login1.service \
    ssh.service sshd.service logrotate.timer man-db.timer blk-availability.service; do
    ln -sfn /dev/null "$root/etc/systemd/system/$unit"
done
# No device is looked at but disks; what else is needed is in the initrd, or loaded by whoever needs it.
install -d "$root/etc/systemd/system/systemd-udev-trigger.service.d"
printf '[Service]\nExecStart=\nExecStart=-udevadm trigger --action=add --subsystem-match=block\n' \
    > "$root/etc/systemd/system/systemd-udev-trigger.service.d/50-test-machine.conf"
# Each generator is a process of its own, and one looks for a socket to the host.
install -d "$root/etc/systemd/system-generators"
for generator in "$root"/usr/lib/systemd/system-generators/*; do
    case ${generator##*/} in
        systemd-fstab-generator | systemd-debug-generator | systemd-bless-boot-generator | health-checker-generator) ;;
        *) ln -s /dev/null "$root/etc/systemd/system-generators/${generator##*/}" ;;
    esac
done

# Nor in the initrd, which loads its modules by name: a tenth of a boot.
install -d "$root/etc/initramfs-tools/scripts/init-top"
sed -e '/trigger --type=subsystems/d' -e 's/trigger --type=devices/trigger --subsystem-match=block/' \
    "$root/usr/share/initramfs-tools/scripts/init-top/udev" > "$root/etc/initramfs-tools/scripts/init-top/udev"
chmod 0755 "$root/etc/initramfs-tools/scripts/init-top/udev"

# Rules for hardware that no such machine has; every device is looked at with all rules.
for rule in "$root"/usr/lib/udev/rules.d/*; do
    case ${rule##*/} in
        50-udev-default.rules | 60-block.rules | 60-persistent-storage.rules | 64-btrfs.rules | 80-drivers.rules | 99-systemd.rules) ;;
        *) ln -sfn /dev/null "$root/etc/udev/rules.d/${rule##*/}" ;;
    esac
done

# All that is logged is on the console too: tests wait for it, and it is all that is left of a boot that died.
printf '[Journal]\nForwardToConsole=yes\nTTYPath=/dev/console\nMaxLevelConsole=info\n' \
    > "$root/etc/systemd/journald.conf.d/60-test-machine.conf"
install -D -m 0755 "$here/say-booted" "$root/usr/lib/test-machine/say-booted"
install -D -m 0755 "$here/power-off" "$root/usr/lib/test-machine/power-off"
for unit in say-booted power-off; do
    install -m 0644 "$here/test-machine-$unit.service" "$root/etc/systemd/system"
    install -d "$root/etc/systemd/system/sysinit.target.wants"
    ln -s "../test-machine-$unit.service" "$root/etc/systemd/system/sysinit.target.wants"
done

# What every boot loader of these machines appends; 'rw', because a read-only superblock makes '/etc' read-only too. With
# libraries at the same addresses in all programs (norandmaps) the emulator translates them once: a third of a boot.
install -d "$root/etc/kernel"
echo 'root=/dev/vda3 rootfstype=btrfs rw console=ttyS0 panic=-1 loglevel=4 systemd.show_status=0' \
    'TERM=dumb mitigations=off lsm=landlock audit=0 cryptomgr.notests norandmaps' \
    > "$root/etc/kernel/cmdline"

# GRUB: no menu, and a place on the command line for what one boot is to have besides.
mkdir -p "$root/boot/efi" "$root/etc/default/grub.d"
ln -s efi/grub "$root/boot/grub"
# shellcheck disable=SC2016 # for who reads the file
printf '%s\n' GRUB_DEFAULT=0 GRUB_TIMEOUT=0 GRUB_TERMINAL=serial GRUB_SERIAL_COMMAND='"serial --unit=0 --speed=115200"' \
    'GRUB_CMDLINE_LINUX="$(cat /etc/kernel/cmdline)"' 'GRUB_CMDLINE_LINUX_DEFAULT="\$test_machine"' \
    GRUB_DISABLE_OS_PROBER=true GRUB_DISABLE_RECOVERY=true > "$root/etc/default/grub"

# Mounting costs half a second in an emulator: only what health-checker uses.
sed -i -E '\,^/rootdev /(root|home|opt|srv) ,d' "$root/etc/fstab"
# The third partition; see src/vm/disk.rs.
sed -i 's|^/rootdev |/dev/vda3 |' "$root/etc/fstab"
rm "$root/rootdev"
