#!/bin/bash
# dracut module: back to the last known good snapshot when this initrd cannot mount or enter the root file system.
# The three functions are called by dracut, which has 'moddir', 'hostonly' and 'host_fs_types'.

# Only where the root is btrfs, as far as that is known.
check() {
    require_binaries btrfs blkid || return 1
    [[ -x /usr/lib/health-checker/rescue ]] || return 1
    if [[ ${hostonly-} ]]; then
        # shellcheck disable=SC2154 # an associative array of dracut
        [[ " ${host_fs_types[*]} " == *" btrfs "* ]] || return 255
    fi
    return 0
}

depends() {
    echo btrfs
}

installkernel() {
    # The boot loader's variables, where the machine has any.
    hostonly='' instmods efivarfs
}

install() {
    inst_multiple mount umount mkdir mv rm sync sleep reboot btrfs blkid modprobe cat chroot readlink
    inst_multiple -o chattr
    inst_simple /usr/lib/health-checker/rescue
    # The first of these directories is for a machine that would give a shell, the second for one with rd.shell=0.
    # Both are run by dracut-emergency.service and, without systemd, by dracut's own init.
    # shellcheck disable=SC2154 # moddir is set by dracut
    inst_hook emergency 01 "$moddir/health-checker-emergency.sh"
    inst_hook shutdown-emergency 01 "$moddir/health-checker-emergency.sh"
    inst_hook pre-pivot 99 "$moddir/health-checker-pivot.sh"
}
