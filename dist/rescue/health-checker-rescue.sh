#!/bin/sh
# Back to the last known good snapshot where nothing else of health-checker can run: in an initrd that cannot mount
# or enter the root file system, and in a system whose health-checker cannot be executed.
#
#   rescue initrd REASON…     called by the hooks for dracut and initramfs-tools
#   rescue check ROOT         the same, if the mounted root file system has no init that can be executed
#   rescue system REASON…     called by health-checker-rescue.service
#
# The last has its part in rescue-system, beside this file. POSIX sh with few programs (those that the dracut module
# installs; rm and chattr only for the boot loader's default entry): it has to run under dash, busybox ash and bash, in
# whatever an update left. What it does, and why it does nothing, is one line each.
#
# It knows what is good, and whether it may go back at all, from a file that health-checker writes at each healthy boot,
# beside the snapshots; the configuration itself is health-checker's alone. Other lines mean nothing, a missing one the first word:
#   health-checker.rescue     'new-snapshot rollback|stay', 'known-good-snapshot rollback|stay', 'container stay|act',
#                             'good NUMBER SUBVOLUME_ID UUID ENTRY', newest first
# and writes down what it does before it does it; with three lines there it does nothing more:
#   health-checker.rescued    'BOOT_ID FROM TO WHO REASON…'

# shellcheck disable=SC2015 # 'A && B || C' is meant as it reads: C where one of them fails
LC_ALL=C
PATH=${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}
export LC_ALL PATH
set -u -f

AT_MOST=3
# Seconds for which it waits for a disk: slow ones come after the initrd has given up. Tests wait less.
PATIENCE=${HEALTH_CHECKER_PATIENCE:-60}
# A boot entry without tries is started again and again where no other is left; the boot loader goes on counting.
DEAD_ENTRY=10
TOP=/run/health-checker-rescue/top
EFIVARS=/sys/firmware/efi/efivars
VENDOR=4a67b082-0a4c-41cf-b6c7-440b29bb8c4f
CR=$(printf '\r')

say() {
    echo "health-checker: $*" >&2
    if [ "$who" = initrd ] && [ -w /dev/kmsg ]; then
        echo "<4>health-checker: $*" > /dev/kmsg
    fi
}

# Ends without a reboot; the machine does what it would have done without us.
leave() {
    say "nothing is done: $*"
    release
    exit 0
}

release() {
    [ -z "$mounted" ] || umount "$TOP" 2> /dev/null
    mounted=
}

# first_line FILE: into $line; bytes that are zero are dropped by all shells.
first_line() {
    line=
    [ -r "$1" ] && { IFS= read -r line < "$1" || [ -n "$line" ]; }
}

# each_line FILE FUNCTION: calls it with each line, also with a last one that has no end; all shells the same.
each_line() {
    while IFS= read -r text || [ -n "$text" ]; do
        "$2" "${text%"$CR"}"
    done < "$1"
}

# The words of the kernel command line say whether it may act, what is booted, and from where.
read_command_line() {
    on=yes act=yes reboots=yes asked='' root='' subvolume='' loader='' init=''
    if [ "$who" = system ] && [ -e /run/systemd/container ]; then
        words=$(tr '\000' ' ' < /proc/1/cmdline)
    else
        words=$(cat /proc/cmdline)
    fi || leave "the kernel command line cannot be read"
    # shellcheck disable=SC2086 # words are wanted
    set -- $words
    for word in "$@"; do
        word=$(without "$word" '"')
        case $word in
            health[-_]checker=*) switch "${word#*=}" ;;
            health[-_]checker) on=yes ;;
            health[-_]checker.action=report) act=no ;;
            health[-_]checker.action=*) act=yes ;;
            health[-_]checker[-_]reboot=disabled) reboots=no ;;
            health[-_]checker[-_]reboot=*) reboots=yes ;;
            health[-_]checker.boot=*) loader=${word#*=} ;;
            root=*) root=${word#root=} ;;
            init=*) init=${word#init=} ;;
            rootflags=*) subvolume=$(option_subvol "${word#rootflags=}") ;;
            rd.shell=0 | rd.shell=no) ;;
            rd.break | rd.break=* | rd.shell | rd.shell=* | break | break=* | emergency | rescue | single | s | S | 1 | -b | rd.emergency)
                asked=$word ;;
            systemd.unit=rescue.* | systemd.unit=emergency.* | rd.systemd.unit=*) asked=$word ;;
        esac
    done
}

# without TEXT CHARACTER
without() {
    text=$1 result=
    while :; do
        case $text in
            *"$2"*) result=$result${text%%"$2"*} text=${text#*"$2"} ;;
            *) break ;;
        esac
    done
    printf '%s\n' "$result$text"
}

switch() {
    case $1 in
        0 | [Nn] | [Nn][Oo] | [Ff] | [Ff][Aa][Ll][Ss][Ee] | [Oo][Ff][Ff]) on=no ;;
        1 | [Yy] | [Yy][Ee][Ss] | [Tt] | [Tt][Rr][Uu][Ee] | [Oo][Nn] | '') on=yes ;;
    esac
}

# The subvolume among mount options.
option_subvol() {
    case ,$1, in
        *,subvol=*) rest=${1#*subvol=} && rest=${rest%%,*} && echo "${rest#/}" ;;
    esac
}

# number_of SUBVOLUME: the number of a snapshot by its path, into $number; fails for everything else.
number_of() {
    case $1 in
        */.snapshots/*/snapshot | .snapshots/*/snapshot) ;;
        *) return 1 ;;
    esac
    number=${1%/snapshot} && number=${number##*/}
    case $number in '' | *[!0-9]*) return 1 ;; esac
}

# The default subvolume of the mounted file system: into $default_id and $default_path.
read_default() {
    default_id='' default_path=''
    answer=$(btrfs subvolume get-default "$snapshots") || return 1
    default_id=${answer#ID } && default_id=${default_id%% *}
    case $answer in *" path "*) default_path=${answer#* path } ;; esac
}

# identify DIRECTORY: subvolume id and uuid into $id and $uuid.
identify() {
    id='' uuid=''
    answer=$(btrfs subvolume show "$1" 2> /dev/null) || return 1
    while read -r key value more; do
        case $key-$value in
            UUID:-*) uuid=$value ;;
            Subvolume-ID:) id=$more ;;
        esac
    done << END
$answer
END
    [ -n "$id" ] && [ -n "$uuid" ]
}

# The directory of the snapshots on a mounted file system, by our file in it: into $snapshots.
find_snapshots() {
    set +f
    for file in "$TOP"/@/.snapshots/health-checker.rescue "$TOP"/.snapshots/health-checker.rescue "$TOP"/*/.snapshots/health-checker.rescue; do
        [ -f "$file" ] && break
    done
    set -f
    snapshots=${file%/health-checker.rescue}
    [ -f "$file" ]
}

mount_top() {
    mkdir -p "$TOP" && mount -t btrfs -o subvolid=5 "$1" "$TOP" || return 1
    mounted=yes
}

# Mounts the file system with the snapshots: that of root=, and where that does not exist any of them, if it is one.
# Where it fails, $any says that there is a btrfs without our file, and $final that no other disk would change that.
mount_snapshots() {
    modprobe -q btrfs 2> /dev/null
    btrfs device scan > /dev/null 2>&1
    device='' named='' final='' any=''
    case $root in
        UUID=* | LABEL=* | PARTUUID=* | PARTLABEL=*) device=$(blkid -l -o device -t "$root") ;;
        block:/dev/* | /dev/*) device=${root#block:} ;;
    esac
    if [ -n "$device" ] && [ -e "$device" ]; then
        candidates=$device named=yes
        type=$(blkid -o value -s TYPE "$device")
        [ "$type" = btrfs ] || { final=$type && return 1; }
    else
        candidates=$(blkid -o device -t TYPE=btrfs)
    fi
    found='' seen=''
    for device in $candidates; do
        fs=$(blkid -o value -s UUID "$device")
        case " $seen " in *" $fs "*) continue ;; esac
        seen="$seen $fs"
        mount_top "$device" || continue
        any=yes
        if find_snapshots; then
            [ -z "$found" ] || leave "'$found' and '$device' both have known good snapshots, and root= names neither"
            found=$device
        fi
        release
    done
    [ -z "$any" ] || [ -z "$named" ] || final=yes
    [ -n "$found" ] && mount_top "$found" && find_snapshots
}

# The same, and where it fails again for each disk that comes. If root= is one of them, $late says so.
await_snapshots() {
    waited=0 disks='' late=
    until mount_snapshots; do
        [ -z "$final" ] && [ "$waited" -lt "$PATIENCE" ] || return 1
        [ "$waited" -gt 0 ] || say "$reason: no snapshots are there yet, waiting for their disk up to $PATIENCE seconds"
        known=$disks
        while [ "$disks" = "$known" ]; do
            [ "$waited" -lt "$PATIENCE" ] || return 1
            sleep 1
            waited=$((waited + 1))
            disks=$(blkid -o device)
        done
    done
    [ "$waited" -eq 0 ] || late=$named
}

# Chooses the newest good snapshot that still exists; from a good one, only an older one. Into $to, $to_id, $entry.
choose() {
    to='' to_id='' entry=- from_good='' if_new=rollback if_good=rollback in_container=stay
    each_line "$snapshots/health-checker.rescue" rescue_line
    [ -n "$to" ]
}

rescue_line() {
    # shellcheck disable=SC2086 # words are wanted
    set -- $1
    case "${1:-} ${2:-}" in
        'new-snapshot rollback' | 'new-snapshot stay') if_new=$2 ;;
        'known-good-snapshot rollback' | 'known-good-snapshot stay') if_good=$2 ;;
        'container stay' | 'container act') in_container=$2 ;;
        'good '*) good "${2:-}" "${3:-}" "${4:-}" "${5:--}" ;;
    esac
}

# good NUMBER SUBVOLUME_ID UUID ENTRY
good() {
    number_of ".snapshots/$1/snapshot" || return 0
    identify "$snapshots/$1/snapshot" && [ "$id/$uuid" = "$2/$3" ] || return 0
    if [ "$1" = "$from" ]; then
        from_good=yes to=''
    elif [ -z "$to" ]; then
        to=$1 to_id=$id entry=$4
    fi
}

# Ends where health-checker would not roll back such a snapshot either.
respect_decision() {
    case ${from_good:-no}-$if_new-$if_good in
        no-stay-*) leave "'NewSnapshot=' had no rollback at the last healthy boot" ;;
        yes-*-stay) leave "'KnownGoodSnapshot=' had no rollback at the last healthy boot" ;;
    esac
}

logged() {
    [ -n "$1" ] || return 0
    case $1 in "$boot "*) leave "it was done in this boot already ('$1')" ;; esac
    lines=$((lines + 1))
    old="$old$1
"
}

# Writes down what will be done, and makes sure that it is on the disk.
write_log() {
    log=$snapshots/health-checker.rescued lines=0 old=
    boot=unknown
    first_line /proc/sys/kernel/random/boot_id && boot=$line
    if [ -e "$log" ]; then
        [ -f "$log" ] && [ -r "$log" ] || leave "'$log' cannot be read"
        each_line "$log" logged
    fi
    [ "$lines" -lt "$AT_MOST" ] || leave "$lines rescues since the last healthy boot are enough ('$log')"
    where=$snapshots
    [ -z "$mounted" ] || where=$TOP
    echo 2> /dev/null > "$log.new" || mount -o remount,rw "$where"
    { printf '%s%s\n' "$old" "$boot $from $to $by $reason" > "$log.new" && sync && mv -f "$log.new" "$log"; } ||
        leave "'$log' cannot be written"
    flush
}

flush() {
    btrfs filesystem sync "$snapshots" > /dev/null
    sync
}

set_default() {
    btrfs subvolume set-default "$to_id" "$snapshots" || btrfs subvolume set-default "$snapshots/$to/snapshot"
    flush
    read_default && [ "$default_id" = "$to_id" ]
}

# variable NAME: an EFI variable of the boot loader as text into $line; the first of its attributes' bytes goes.
variable() {
    first_line "$EFIVARS/$1-$VENDOR" || return 1
    line=${line#?}
}

# What the boot loader counts: 'yes' into $counting, and the numbers into $left and $tried.
read_boot_count() {
    counting='' left='' tried=0
    if [ "$who" = initrd ] && [ -d /sys/firmware/efi ] && [ ! -e "$EFIVARS/LoaderInfo-$VENDOR" ]; then
        modprobe -q efivarfs 2> /dev/null
        mount -t efivarfs efivarfs "$EFIVARS" 2> /dev/null
    fi
    variable LoaderBootCountPath || return 0
    count=${line##*+} && count=${count%.*}
    left=${count%%-*}
    case $count in *-*) tried=${count#*-} ;; esac
    case $left$tried in '' | *[!0-9]*) left='' ;; *) counting=yes ;; esac
}

# The name of a boot entry without its counter, '+LEFT' or '+LEFT-DONE'; GRUB leaves '.conf' away.
plain_entry() {
    case $1 in *.efi) suffix=.efi ;; *) suffix=.conf ;; esac
    plain=${1%"$suffix"}
    case ${plain##*+} in
        *[!0-9-]* | -* | *- | *-*-* | '') ;;
        *) rest=${plain%+*} && plain=${rest:-$plain} ;;
    esac
    echo "$plain$suffix"
}

# Makes the boot loader's default entry that of the good snapshot; it must not go on naming the one that failed.
set_default_entry() {
    variable LoaderInfo || return 0
    file=$EFIVARS/LoaderEntryDefault-$VENDOR
    if [ "$entry" = - ]; then
        forget_default_entry
        return
    fi
    case $entry in *[!A-Za-z0-9._@:-]*) say "the boot entry '$entry' is no name for the boot loader" && return 1 ;; esac
    bytes='\007\000\000\000' rest=$entry
    while [ -n "$rest" ]; do
        bytes=$bytes${rest%"${rest#?}"}'\000' rest=${rest#?}
    done
    [ ! -e "$file" ] || chattr -i "$file" 2> /dev/null
    # shellcheck disable=SC2059 # one write of all bytes, as the kernel wants it
    printf "$bytes\\000\\000" > "$file"
    if variable LoaderEntryDefault && [ "$line" = "$entry" ]; then
        say "the boot loader's default entry is '$entry'"
    else
        say "the boot loader's default entry could not be changed: '$file' is not writable"
    fi
}

forget_default_entry() {
    variable LoaderEntryDefault && default_entry=$(plain_entry "$line") || return 0
    variable LoaderEntrySelected && [ "$(plain_entry "$line")" = "$default_entry" ] || return 0
    file=$EFIVARS/LoaderEntryDefault-$VENDOR
    chattr -i "$file" 2> /dev/null
    rm -f "$file" && say "the boot loader's default entry is not '$default_entry' any more"
}

rescue_initrd() {
    [ ! -e /run/health-checker-rescue/done ] || exit 0
    mkdir -p /run/health-checker-rescue && echo > /run/health-checker-rescue/done
    [ -z "$asked" ] || leave "'$asked' on the kernel command line asks for a shell"
    read_boot_count
    if [ "${left:-0}" -gt 0 ]; then
        say "$reason: the boot loader still grants this entry $left tries"
        reboot_now
    fi
    if ! await_snapshots; then
        [ -z "$any" ] || leave "no 'health-checker.rescue' on $candidates: no snapshot is known to be good"
        [ "$loader" != trial ] || { say "$reason: no btrfs; GRUB counts this boot, the next one may be another" && reboot_now; }
        [ -n "$counting" ] && [ "$tried" -le "$DEAD_ENTRY" ] ||
            leave "no btrfs with snapshots can be mounted, and the boot loader would start the same again"
        say "$reason: no btrfs; this entry has no tries left, the next boot may be another"
        forget_default_entry
        reboot_now
    fi
    read_default || leave "the default subvolume cannot be read"
    number_of "${subvolume:-$default_path}" || leave "'${subvolume:-$default_path}' is not a snapshot"
    from=$number
    if [ -n "$subvolume" ] && [ "$loader" != fallback ] && { ! number_of "$default_path" || [ "$number" != "$from" ]; }; then
        leave "snapshot $from is not the default, it was booted by hand"
    fi
    choose || leave "no other snapshot than $from is known to be good"
    [ -z "$late" ] || [ -z "$from_good" ] || leave "snapshot $from is known to be good, it is only its disk that came late"
    respect_decision
    write_log
    say "$reason: back from snapshot $from to $to"
    set_default || leave "snapshot $to could not be made the default"
    set_default_entry
    release
    reboot_now
}

# Whether the init below a directory can be executed, or is not ours to judge. To enter it would be the end: a kernel
# panic, or a shell that initramfs-tools starts in its place, and that waits for somebody.
init_works() {
    [ -z "$init" ] || return 0
    for program in sbin/init etc/init bin/init; do
        [ -L "$1/$program" ] || [ -e "$1/$program" ] || continue
        case $(readlink "$1/$program") in *systemd*) ;; *) return 0 ;; esac
        # Not by its link: called 'init', it would be another program.
        chroot "$1" /usr/lib/systemd/systemd --version > /dev/null 2>&1 ||
            chroot "$1" /lib/systemd/systemd --version > /dev/null 2>&1
        return
    done
    return 1
}

# Does not come back where the machine can be rebooted.
reboot_now() {
    sync
    reboot -f
    sleep 30
    say "the machine cannot be rebooted"
    exit 1
}

who=${1:-} mounted=''
[ $# -eq 0 ] || shift
# shellcheck disable=SC2048,SC2086 # one line of words
reason=$(printf '%s ' ${*:-unknown}) && reason=${reason% }
case $who in
    initrd) by=initrd ;;
    check)
        who=initrd by=initrd reason="no init that can be executed"
        # Its disk is there.
        PATIENCE=0
        read_command_line
        ! init_works "${1:?}" || exit 0 ;;
    system)
        by=rescue
        # shellcheck source=dist/rescue/health-checker-rescue-system.sh
        . "${0%/*}/rescue-system" ;;
    *) echo "usage: rescue initrd REASON… | rescue check ROOT | rescue system REASON…" >&2 && exit 2 ;;
esac
read_command_line
[ "$on$act$reboots" = yesyesyes ] || leave "the kernel command line says so"
"rescue_$who"
