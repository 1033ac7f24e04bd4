#!/bin/sh
# Runs one of the scripts beside it, as root in a mount namespace of its own, with what a root needs for chroot(1).
#
#   in-namespace.sh SCRIPT ROOT [ARGUMENT…]
set -eu
script=$1
root=$2
shift

# The namespace began as a copy: what other tests have mounted now must not stay mounted because of us.
mounts=$(cat /proc/self/mounts)
echo "$mounts" | while read -r source target _; do
    case $source:$target in
        *:"$root" | *:"$root"/*) ;;
        /dev/loop*) umount -l "$target" 2> /dev/null || : ;;
    esac
done

mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind /dev "$root/dev"
exec "${0%/*}/$script" "$@"
