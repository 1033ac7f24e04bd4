#!/bin/sh
# shellcheck disable=SC2015 # 'A && B || C' is meant as it reads: C where one of them fails
# shellcheck disable=SC2034,SC2154 # variables of the file that reads this one
# The part of the rescue program for a system that is up, but whose health-checker cannot be executed: read by 'rescue'.

# setting KEY: its last value in the configuration, into $line; fails where there is none.
setting() {
    value='' is_set=''
    set +f
    for above in /usr/lib /run /etc; do
        for file in "$above"/health-checker/health-checker.conf "$above"/health-checker/health-checker.conf.d/*.conf; do
            [ -r "$file" ] || continue
            while read -r line; do
                case $line in "$1="* | "$1 "*=*) value=${line#*=} is_set=yes ;; esac
            done < "$file"
        done
    done
    set -f
    line=$value
    [ -n "$is_set" ]
}

# The report of this boot; a soft-reboot keeps the boot id and the reports of the boot before.
is_of_this_boot() {
    [ -r "$1" ] && first_line /proc/sys/kernel/random/boot_id || return 1
    since=$(systemctl show --property=UserspaceTimestampMonotonic --value 2> /dev/null)
    json=
    while read -r text; do json=$json$text; done < "$1"
    json=$(without "$json" ' ')
    case $json in *"\"boot_id\":\"$line\",\"userspace_usec\":${since:+$since\}}"*) ;; *) return 1 ;; esac
}

rescue_system() {
    [ -z "$asked" ] || leave "'$asked' on the kernel command line asks for a shell"
    is_of_this_boot /run/health-checker/report.json && leave "health-checker has judged this boot"
    is_of_this_boot /run/health-checker/reboot.json && leave "health-checker is rebooting"
    if [ -e /run/systemd/container ]; then
        setting ActInContainer
        case $line in ' yes' | yes | 1 | true | on) ;; *) leave "this is a container, and 'ActInContainer=yes' is not set" ;; esac
    fi
    if setting NewSnapshot; then
        case " $line " in *' rollback '*) ;; *) leave "'NewSnapshot=$line' does not want a rollback" ;; esac
    fi
    while read -r _ _ _ path place _ more; do
        [ "$place" != / ] || { booted=$path source=$more; }
    done < /proc/self/mountinfo
    number_of "${booted:-}" || leave "'${booted:-}' is not a snapshot"
    from=$number
    snapshots=/.snapshots
    if [ ! -f "$snapshots/health-checker.rescue" ]; then
        source=${source#*- } && source=${source#* } && source=${source%% *}
        mount_top "$source" && find_snapshots || leave "no 'health-checker.rescue': no snapshot is known to be good"
    fi
    read_default || leave "the default subvolume cannot be read"
    number_of "$default_path" && [ "$number" = "$from" ] || leave "snapshot $from is not the default, it was booted by hand"
    choose
    [ -z "$from_good" ] || leave "snapshot $from is known to be good itself"
    [ -n "$to" ] || leave "no other snapshot than $from is known to be good"
    write_log
    say "$reason: back from snapshot $from to $to"
    limit='timeout 180'
    command -v timeout > /dev/null || limit=
    ! command -v snapper > /dev/null || $limit snapper --no-dbus --ambit transactional rollback "$to" ||
        say "snapper could not do it, btrfs is asked"
    set_default || leave "snapshot $to could not be made the default"
    [ -e /run/systemd/container ] || set_default_entry
    release
    systemctl --no-block --job-mode=replace-irreversibly start reboot.target && sleep 60
    reboot_now
}
