#!/bin/sh
# One boot of a machine, from power-on to power-off. Its exit status is systemd-nspawn's: 133 = reboot, 0 = power off.
#
#   run-container.sh NAME IMAGE FSTYPE MOUNT_OPTIONS [INIT ARGUMENT…]
#
# Started by 'unshare' in mount and PID namespaces of its own: when it dies, for whatever reason, the container,
# the mounts and the loop device are gone too. Nothing on the host has to be cleaned up.
set -eu
name=$1 image=$2 fstype=$3 options=$4
shift 4

# The container needs a pure cgroup2 tree; hosts with a mixed one would hand down theirs.
umount -R -l /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
group=/sys/fs/cgroup/$name
remove_group() { find "$group" -depth -type d -exec rmdir {} + 2> /dev/null || :; }
remove_group # of a boot that was killed
mkdir "$group"

# What nspawn keeps of its containers ends with the namespace.
mkdir -p /run/systemd
mount -t tmpfs tmpfs /run/systemd

root=${image%/*}/root
mkdir -p "$root"
mount -t "$fstype" -o "loop,$options" "$image" "$root"
device=$(findmnt -n -o SOURCE "$root")
device=${device%%\[*}

status=0
sh -c 'echo $$ > "$0/cgroup.procs"; exec "$@"' "$group" \
    env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --keep-unit --register=no -q -b -D "$root" \
    --console=read-only --machine="$name" --private-network --link-journal=no --timezone=off \
    --resolv-conf=off --setenv=SYSTEMD_COLORS=0 --bind="$device" --bind="$device:/rootdev" "$@" < /dev/null || status=$?

umount "$root" || umount -l "$root"
remove_group
exit "$status"
