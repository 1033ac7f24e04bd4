//! What a probe that needs no privileges is not allowed to do.
//!
//! Measured with systemd 257, CPU for one unit: 11 ms without any of this, 17 ms with it. Left out because they cost
//! more than they add to a program that reads one answer and ends: SystemCallFilter= (14 ms more),
//! ProtectKernelTunables= and ProtectControlGroups= (20), ProtectHome= (6), PrivateNetwork= (7).
//! `systemd-analyze security` says "OK" to both kinds. `[Service]` comes later in the unit and may change them.

use crate::file::keys::Needs;

/// For all: no capability, no way to get one, nothing that only attackers do.
const ALL: [&str; 7] = [
    "CapabilityBoundingSet=",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
];

/// A user of its own, and with it ProtectSystem=strict, ProtectHome=read-only, PrivateTmp= and NoNewPrivileges=.
/// Name look-ups need a socket of the resolver (AF_UNIX) and the addresses of this machine (AF_NETLINK).
const NETWORK: [&str; 2] = [
    "DynamicUser=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
];

/// Still root, in a system that it cannot write to: D-Bus refuses a dynamic user where nss-systemd is not set up
/// ("Transport endpoint is not connected", seen on Debian), and a check must not fail for that.
const LOCAL: [&str; 3] = [
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "RestrictAddressFamilies=AF_UNIX",
];

/// The lines for a probe with these needs.
pub(crate) fn lines(needs: Needs) -> Vec<&'static str> {
    match needs {
        Needs::Everything => Vec::new(),
        Needs::Network => [&NETWORK[..], &ALL].concat(),
        Needs::Local => [&LOCAL[..], &ALL].concat(),
    }
}
