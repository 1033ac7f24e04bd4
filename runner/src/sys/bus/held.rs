//! Whether the system bus is held by its users. dbus-daemon lets 64 connections wait for their greeting, of all users
//! together: who keeps so many open keeps everybody else out (dbus-daemon(1), max_incomplete_connections). It is no sign
//! of a broken system.

use health_checks::Root;

/// As /proc/net/unix has it.
const SOCKET: &str = "/run/dbus/system_bus_socket";
/// dbus-daemon's own limit for the whole system.
const MANY: usize = 64;

/// Whether that many connections to the bus are open, so that somebody behind it takes them. A bus that nobody serves has
/// a few that wait.
pub fn is_held(root: &Root) -> bool {
    let sockets = std::fs::read_to_string(root.join("/proc/net/unix")).unwrap_or_default();
    connections(&sockets) >= MANY
}

fn connections(sockets: &str) -> usize {
    let of_bus = |line: &&str| line.ends_with(SOCKET);
    sockets.lines().filter(of_bus).count()
}

#[cfg(test)]
mod tests {
    use super::connections;

    #[test]
    fn connections_to_the_bus_are_counted() {
        let sockets = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0: 00000002 00000000 00010000 0001 01 12 /run/dbus/system_bus_socket\n\
            1: 00000003 00000000 00000000 0001 03 13 /run/dbus/system_bus_socket\n\
            2: 00000003 00000000 00000000 0001 03 14\n\
            3: 00000003 00000000 00000000 0001 03 15 /run/systemd/journal/stdout\n";
        assert_eq!(connections(sockets), 2);
    }
}
