#!/bin/sh
# shellcheck disable=SC2015 # 'A && B || C' is meant as it reads: C where one of them fails
# shellcheck disable=SC2034,SC2154 # variables of the file that reads this one
# The part of the rescue program for a system that is up, but whose health-checker cannot be executed: read by 'rescue'.

# The report of this boot; a soft-reboot keeps the boot id and the reports of the boot before.
is_of_this_boot() {
    [ -r "$1" ] && first_line /proc/sys/kernel/random/boot_id || return 1
    since=$(systemctl show --property=UserspaceTimestampMonotonic --value 2> /dev/null)
    boot_id=$line json=
    each_line "$1" report_line
    json=$(without "$json" ' ')
    case $json in *"\"boot_id\":\"$boot_id\",\"userspace_usec\":${since:+$since\}}"*) ;; *) return 1 ;; esac
}

report_line() {
    json=$json$1
}

rescue_system() {
    [ -z "$asked" ] || leave "'$asked' on the kernel command line asks for a shell"
    is_of_this_boot /run/health-checker/report.json && leave "health-checker has judged this boot"
    is_of_this_boot /run/health-checker/reboot.json && leave "health-checker is rebooting"
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
    [ ! -e /run/systemd/container ] || [ "$in_container" = act ] ||
        leave "this is a container, and '[Boot] ActInContainer=yes' was not set at the last healthy boot"
    [ -z "$from_good" ] || leave "snapshot $from is known to be good itself"
    [ -n "$to" ] || leave "no other snapshot than $from is known to be good"
    respect_decision
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
